"""Where in a frame, a sweep or a chunk the evidence for a label is, by gradients.

HiResCAM (Draelos and Carin, arXiv 2011.08891, 2020): the gradient of a label's score by a
convolution's activations, times these activations, summed over channels; what is above 0 speaks for
the label. Grad-CAM (Selvaraju et al., ICCV 2017) averages the gradient over the map first, which
suits networks that pool. The encoders here keep the map as it lies, and so a channel may speak for
a label in one place and against it in another.

The gradient goes through the projection and the fusion: it answers for the fused result and not for
the frame alone. It is taken at the features as they were served, rounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from schemas.sample import Modality
from streams.align.types import Window, WindowSample
from workers.encoders.audio import AudioEncoder
from workers.encoders.base import Array, Encoder
from workers.encoders.image import ImageEncoder, PointsEncoder
from workers.fusion.network import Network
from workers.fusion.tokens import collate, length_class, window_tokens
from workers.insight.heat import Grid, Heat, Method

METHOD = Method("HiResCAM", "Draelos and Carin, arXiv 2011.08891, 2020", "log-odds")
#: Of the four convolutions of an image's trunk the one that is looked at, from 0: its map has a
#: quarter of the height and width. The last has a sixteenth, 4 by 6 for a frame. On simulated
#: scenes the heat inside of what is looked for is densest here or one further on; the measurement
#: is ``tests/insight/test_shipped_heat.py``.
_STAGE = 1


def class_activation(
    network: Network,
    window: Window,
    decoded: Mapping[WindowSample, Array],
    modality_of: Mapping[str, Modality],
    task: str,
    label: str,
) -> Heat:
    """Heat of each sample in ``decoded`` whose encoder convolves: frames, stills, sweeps, audio.

    The score is the label's log-odds, ln p/(1 - p). ``decoded``: what the codecs made of samples
    of the window. A chunk of audio has a grid of one row, over its time. Raises ``ValueError`` for
    an unknown task or label, and as ``window_tokens`` does.
    """
    by_feature = _feature_gradients(network, window, modality_of, task, label)
    grids: dict[WindowSample, Grid] = {}
    for sample, gradient in zip(window.samples, by_feature, strict=True):
        encoder = network.encoder(modality_of[sample.input])
        layer = _layer(encoder)
        if layer is not None and sample in decoded:
            grids[sample] = _grid(encoder, layer, decoded[sample], gradient)
    return Heat(METHOD, grids)


def _feature_gradients(
    network: Network, window: Window, modality_of: Mapping[str, Modality], task: str, label: str
) -> Sequence[Tensor]:
    """d score / d feature of each sample, each (FEATURE_SIZE,)."""
    labels = network.tasks.get(task, ())
    if label not in labels:
        raise ValueError(f"expected a label of task {task!r}, got {label!r}; it has {labels}")
    tokens = window_tokens(window, modality_of)
    device = next(network.parameters()).device
    batch = collate([tokens], length_class(tokens), 1).to(device)
    if len(tokens) < len(window.samples):
        raise ValueError(
            f"expected a window of at most {len(tokens)} samples, got {len(window.samples)}"
        )
    with torch.enable_grad():
        batch.features.requires_grad_(True)
        logits = network.fusion(batch).logits[task][0]
        at = labels.index(label)
        others = torch.cat([logits[:at], logits[at + 1 :]])
        score = logits[at] - torch.logsumexp(others, dim=0)
        (gradient,) = torch.autograd.grad(score, batch.features)
    return list(gradient[0, : len(tokens)])


def _layer(encoder: Encoder) -> nn.Module | None:
    """The convolution whose map is looked at; ``None`` for an encoder without one."""
    if isinstance(encoder, ImageEncoder | PointsEncoder):
        return [layer for layer in encoder.trunk if isinstance(layer, nn.ReLU)][_STAGE]
    return encoder.second if isinstance(encoder, AudioEncoder) else None


def _grid(encoder: Encoder, layer: nn.Module, array: Array, by_feature: Tensor) -> Grid:
    size_class = encoder.size_class(array)
    batch = encoder.collate([array], size_class, 1)
    seen: list[Tensor] = []
    handle = layer.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    try:
        with torch.enable_grad():
            feature = encoder(*(tensor.to(by_feature.device) for tensor in batch))
            (gradient,) = torch.autograd.grad(feature[0], seen[0], by_feature)
    finally:
        handle.remove()
    heat = (gradient * seen[0]).sum(dim=1).clamp_min(0.0).detach().cpu().numpy()
    if heat.ndim == 3:
        return _centred(heat[0])
    # Segments of a chunk, each with its frames; those after the chunk's end are padding.
    return np.asarray(heat.reshape(1, -1)[:, : len(array)], np.float32)


def _centred(grid: Grid) -> Grid:
    """The grid with each cell in the middle of its pixels.

    A convolution of stride 2 and padding of half its kernel looks at pixels around 2i, not around
    2i + 1/2: after two, a cell of 4 pixels shows what is 3/8 of a cell before its middle.
    """
    off = 0.5 * (1.0 - 0.5 ** (_STAGE + 1))
    for axis in (0, 1):
        following = np.concatenate([np.delete(grid, 0, axis), np.take(grid, [-1], axis)], axis=axis)
        grid = np.asarray((1.0 - off) * grid + off * following, np.float32)
    return grid
