"""Where in a frame, a sweep or a chunk the evidence for a label is, by gradients.

Integrated gradients (Sundararajan, Taly and Yan, ICML 2017), taken at a convolution's map as in
Integrated Grad-CAM (Sattarzadeh et al., ICASSP 2021): all maps of a window go together from those
of blank samples to their own, and each place is credited with what the label's score gains along
the way while it changes. Summed over all places the credits are the score less that of the blank
samples. A gradient at the end of the way alone, as in Grad-CAM, sees next to nothing where the
network is sure, and its numbers cannot be compared between two samples.

The way leads through the projection and the fusion: it answers for the fused result and not for
the frame alone. What is no frame, sweep or chunk stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from schemas.sample import Modality
from streams.align.types import Window, WindowSample
from workers.encoders.audio import AudioEncoder
from workers.encoders.base import Array, Encoder
from workers.fusion.network import Network
from workers.fusion.tokens import MAX_TOKENS, TokenBatch, collate, length_class, window_tokens
from workers.insight.heat import Grid, Heat, Method
from workers.insight.maps import centred, dark, layer_of, plain

METHOD = Method("integrated gradients", "Sundararajan et al., ICML 2017", "log-odds")
#: Points of the way at which the gradient is taken. On simulated calls and drives the sum of the
#: credits is off by 1.4 and 1.0 log-odds in the mean with 8 of them, by 0.1 with 32.
_STEPS = 32
#: Samples that are run at once, each at some point of its way.
_ROWS = 64

_Blank = Callable[[Array, Modality], Array]


def integrated_gradients(
    network: Network,
    window: Window,
    decoded: Mapping[WindowSample, Array],
    modality_of: Mapping[str, Modality],
    task: str,
    label: str,
    *,
    steps: int = _STEPS,
) -> Heat:
    """Heat of each sample in ``decoded`` whose encoder convolves: frames, stills, sweeps, audio.

    The score is the label's log-odds, ln p/(1 - p); a grid has its gains, and 0 where it loses.
    ``decoded``: what the codecs made of samples of the window. A chunk of audio has a grid of one
    row, over its time. A frame is blank in its mean colour, and once more in black (a network may
    take either for something); the mean of both ways counts. Raises ``ValueError`` for an unknown
    task or label, for a window of more than ``MAX_TOKENS`` samples, and as ``window_tokens`` does.
    """
    score = _Score.of(network, window, modality_of, task, label)
    credits: dict[int, Grid] = {}
    for blank in (plain, dark):
        ways = _ways(network, window, decoded, modality_of, blank)
        for way, gain in zip(ways, _gains(score, ways, steps), strict=True):
            for at, grid in zip(way.positions, way.grids(gain), strict=True):
                credits[at] = credits[at] + grid if at in credits else grid
    return Heat(
        METHOD,
        {
            window.samples[at]: np.asarray(np.maximum(grid, 0.0) / 2.0, np.float32)
            for at, grid in credits.items()
        },
    )


@dataclass(frozen=True, slots=True)
class _Score:
    """A label's log-odds as a function of features of some of the window's samples."""

    network: Network
    batch: TokenBatch
    task: str
    at: int

    @classmethod
    def of(
        cls,
        network: Network,
        window: Window,
        modality_of: Mapping[str, Modality],
        task: str,
        label: str,
    ) -> _Score:
        labels = network.tasks.get(task, ())
        if label not in labels:
            raise ValueError(f"expected a label of task {task!r}, got {label!r}; it has {labels}")
        if len(window.samples) > MAX_TOKENS:
            raise ValueError(
                f"expected a window of at most {MAX_TOKENS} samples, got {len(window.samples)}"
            )
        tokens = window_tokens(window, modality_of)
        batch = collate([tokens], length_class(tokens), 1).to(next(network.parameters()).device)
        return cls(network, batch, task, labels.index(label))

    def __call__(self, positions: Sequence[int], features: Tensor) -> Tensor:
        """The sum of the scores of windows that have these features, (windows, positions,
        FEATURE_SIZE), at these positions.
        """
        count = len(features)
        batch = TokenBatch(*(one.expand(count, *one.shape[1:]) for one in self.batch.tensors))
        places = torch.tensor(positions, device=features.device).reshape(1, -1, 1)
        given = batch.features.scatter(1, places.expand_as(features), features)
        logits = self.network.fusion(replace(batch, features=given)).logits[self.task]
        others = torch.cat([logits[:, : self.at], logits[:, self.at + 1 :]], dim=1)
        gained: Tensor = logits[:, self.at] - torch.logsumexp(others, dim=1)
        return gained.sum()


@dataclass(frozen=True, slots=True)
class _Way:
    """Samples of one encoder and size, from blank to what they are.

    ``arguments``: the encoder's, for the samples as they are. ``blank``, ``own``: the layer's map.
    """

    encoder: Encoder
    layer: nn.Module
    arguments: tuple[Tensor, ...]
    positions: Sequence[int]
    lengths: Sequence[int]
    blank: Tensor
    own: Tensor

    def features(self, maps: Tensor) -> Tensor:
        """Features with these maps, (steps, samples, …), in the place of the layer's: (steps,
        samples, FEATURE_SIZE).
        """
        steps = len(maps)
        every = maps.flatten(0, 1)
        handle = self.layer.register_forward_hook(lambda _module, _inputs, _output: every)
        try:
            rows = self.encoder(
                *(one.repeat(steps, *[1] * (one.ndim - 1)) for one in self.arguments)
            )
        finally:
            handle.remove()
        return rows.unflatten(0, (steps, -1))  # type: ignore[no-any-return]

    def grids(self, gains: Tensor) -> list[Grid]:
        """Each sample's gains, summed over channels."""
        summed = gains.sum(dim=1).cpu().numpy()
        if isinstance(self.encoder, AudioEncoder):
            # Segments of a chunk, each with its frames; those after the chunk's end are padding.
            rows = summed.reshape(len(self.positions), 1, -1)
            return [row[:, :length] for row, length in zip(rows, self.lengths, strict=True)]
        return [centred(grid) for grid in summed]


def _ways(
    network: Network,
    window: Window,
    decoded: Mapping[WindowSample, Array],
    modality_of: Mapping[str, Modality],
    blank: _Blank,
) -> list[_Way]:
    groups: dict[tuple[Modality, int], list[int]] = {}
    for at, sample in enumerate(window.samples):
        modality = modality_of[sample.input]
        encoder = network.encoder(modality)
        if sample in decoded and layer_of(encoder) is not None:
            size = encoder.size_class(decoded[sample])
            groups.setdefault((modality, size), []).append(at)
    return [
        _way(network.encoder(modality), size, positions, arrays, modality, blank)
        for (modality, size), positions in groups.items()
        for arrays in ([decoded[window.samples[at]] for at in positions],)
    ]


def _way(
    encoder: Encoder,
    size: int,
    positions: Sequence[int],
    arrays: Sequence[Array],
    modality: Modality,
    blank: _Blank,
) -> _Way:
    layer = layer_of(encoder)
    assert layer is not None, "only encoders with a layer are grouped"
    device = next(encoder.parameters()).device
    rows = len(arrays)
    seen: list[Tensor] = []
    handle = layer.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    try:
        with torch.no_grad():
            for some in ([blank(array, modality) for array in arrays], arrays):
                arguments = tuple(one.to(device) for one in encoder.collate(some, size, rows))
                encoder(*arguments)
    finally:
        handle.remove()
    return _Way(encoder, layer, arguments, positions, list(map(len, arrays)), *seen)


def _gains(score: _Score, ways: Sequence[_Way], steps: int) -> list[Tensor]:
    """The integral of the gradient along the ways, by the midpoint rule, times their lengths."""
    if not ways:
        return []
    positions = [at for way in ways for at in way.positions]
    together = max(1, _ROWS // len(positions))
    totals = [torch.zeros_like(way.own) for way in ways]
    for first in range(0, steps, together):
        shares = (torch.arange(first, min(first + together, steps)) + 0.5) / steps
        with torch.enable_grad():
            maps = [_between(way, shares).requires_grad_(True) for way in ways]
            features = [way.features(one) for way, one in zip(ways, maps, strict=True)]
            gradients = torch.autograd.grad(score(positions, torch.cat(features, dim=1)), maps)
        for total, gradient in zip(totals, gradients, strict=True):
            total += gradient.sum(dim=0) / steps
    return [total * (way.own - way.blank) for total, way in zip(totals, ways, strict=True)]


def _between(way: _Way, shares: Tensor) -> Tensor:
    """The maps at these shares of the way, (shares, samples, …)."""
    weights = shares.to(way.own.device).reshape(-1, *[1] * way.own.ndim)
    return torch.lerp(way.blank, way.own, weights)
