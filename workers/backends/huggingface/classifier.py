"""One classifier of transformers: decoded samples in, logits out."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from schemas.sample import Modality, Sample
from streams.compute import BadSample
from workers.backends.extras import require
from workers.backends.huggingface.description import LOADERS, ClassifierForm
from workers.codecs.audio import read_signal
from workers.codecs.image import read_pixels
from workers.codecs.media_type import parse_media_type
from workers.codecs.mel import RATE_HZ
from workers.codecs.text import read_text
from workers.device import device_failures
from workers.encoders.base import power_of_two
from workers.encoders.tiling import by_class
from workers.errors import CodecError, ModelError

#: Rows run at once, so that a sample is always computed in the same shape.
_TILE = 4
#: Longer side of a frame before its preprocessor takes it, pixels: what 256 of them that wait for
#: the network hold is then under 200 MB.
_LONGEST_PX = 480
#: Padded lengths: tokens of a text, and samples of a sound (0.25 s to 60 s).
_TOKENS = (16, 512)
_SIGNAL = (4_096, 1_048_576)
#: The least of a sound whose padding the network would hear: more than one window of any extractor.
_LEAST_HEARD = 1_024
#: How a network's table of positions is named.
_POSITIONS = "position_embeddings"


class Classifier:
    """A classifier on one device. Use ``logits`` from one thread at a time."""

    def __init__(
        self,
        name: str,
        folder: Path,
        modality: Modality,
        form: ClassifierForm,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        """``folder``: of the classifier, its files checked.

        Raises ``ModelError``: transformers is not installed, cannot load it without code that the
        folder would have to bring along, or it has another number of outputs than described.
        """
        # Before transformers is imported: it would look for its hub.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        library: Any = require("transformers", "transformers")
        library.utils.logging.disable_progress_bar()
        self._modality = modality
        self._device, self._dtype = device, dtype
        local = {"local_files_only": True, "trust_remote_code": False}
        try:
            network = getattr(library, LOADERS[modality]).from_pretrained(
                folder, use_safetensors=True, dtype=dtype, **local
            )
            self._prepare: Any = _preparer(modality)(folder, **local)
        except Exception as error:
            raise ModelError(
                name,
                f"{form.folder} cannot be loaded by transformers {library.__version__} "
                f"({type(error).__name__}: {str(error)[:300]})",
            ) from None
        if network.config.num_labels != len(form.labels):
            raise ModelError(
                name,
                f"{form.folder}: expected {len(form.labels)} outputs, as {form.labels} says, the "
                f"classifier has {network.config.num_labels}",
            )
        if network.config.problem_type == "multi_label_classification":
            raise ModelError(
                name,
                f"{form.folder}: expected a classifier whose outputs exclude each other, its "
                "configuration says multi_label_classification; its labels are tasks of their own: "
                "bring it as ONNX with a task of two labels for each",
            )
        self._network = network.to(device).eval()
        self._most_tokens = _most_tokens(network, self._prepare)
        self._masked = _masks_padding(self._prepare)

    def decode(self, sample: Sample) -> Any:
        """RGB uint8 (height, width, 3), float32 at 16 kHz, or a ``str``; else a ``BadSample``."""
        modality = sample.modality
        if not sample.payload:
            return BadSample(
                "empty_value", "CodecError", f"expected {modality.value}, got no bytes"
            )
        try:
            media = parse_media_type(sample.content_type)
            if modality is Modality.TEXT:
                return read_text(sample.payload, media)[0]
            if modality is Modality.AUDIO:
                return read_signal(sample.payload, media)
            return np.ascontiguousarray(read_pixels(sample.payload, media, _LONGEST_PX)[..., ::-1])
        except CodecError as error:
            return BadSample(error.reason, "CodecError", str(error))
        except Exception as error:
            name = type(error).__name__
            return BadSample(
                "undecodable", name, f"the {modality.value} decoder failed with {name}"
            )

    @torch.inference_mode()
    def logits(self, decoded: Sequence[Any]) -> NDArray[np.float32]:
        """Logits float32 (n, outputs), n > 0, in order. Raises ``DeviceError`` and what the
        network raises.
        """
        rows: dict[int, NDArray[np.float32]] = {}
        for length, places in by_class(decoded, self._length).items():
            for start in range(0, len(places), _TILE):
                tile = places[start : start + _TILE]
                given = [decoded[place] for place in tile]
                # Rows that are not filled hold the first one again: any valid sample would do.
                given += given[:1] * (_TILE - len(tile))
                with device_failures():
                    inputs = self._moved(self._inputs(given, length))
                    found = self._network(**inputs).logits.float().cpu().numpy()
                rows.update(zip(tile, found, strict=False))
        return np.stack([rows[place] for place in range(len(decoded))])

    def example(self) -> Any:
        """A valid decoded sample."""
        if self._modality is Modality.TEXT:
            return "a"
        if self._modality is Modality.AUDIO:
            return np.zeros(_SIGNAL[0], np.float32)
        return np.zeros((64, 96, 3), np.uint8)

    def _length(self, decoded: Any) -> int:
        """Padded length, which depends on the sample alone; 1 for frames."""
        if self._modality is Modality.TEXT:
            tokens = len(
                self._prepare(decoded, truncation=True, max_length=self._most_tokens)["input_ids"]
            )
            return power_of_two(tokens, min(_TOKENS[0], self._most_tokens), self._most_tokens)
        if self._modality is Modality.AUDIO:
            return _signal_length(len(decoded), padded=self._masked)
        return 1

    def _inputs(self, given: list[Any], length: int) -> Mapping[str, torch.Tensor]:
        fit: dict[str, Any] = {"padding": "max_length", "truncation": True, "max_length": length}
        if self._modality is Modality.TEXT:
            found: Mapping[str, torch.Tensor] = self._prepare(given, return_tensors="pt", **fit)
        elif self._modality is Modality.AUDIO:
            if not self._masked:
                # All of one length by now; what an extractor adds to that is its network's form.
                given, fit = [_of_length(each, length) for each in given], {}
            found = self._prepare(given, sampling_rate=RATE_HZ, return_tensors="pt", **fit)
        else:
            found = self._prepare(images=given, return_tensors="pt")
        return found

    def _moved(self, inputs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {
            name: tensor.to(self._device, self._dtype if tensor.is_floating_point() else None)
            for name, tensor in inputs.items()
        }


def _most_tokens(network: Any, tokenizer: Any) -> int:
    """Tokens of a text that a network has positions for."""
    # -1 or nothing where any number will do. RoBERTa's kin count positions from behind the
    # padding's index on, so that the first ones of their table are never used.
    places = getattr(network.config, "max_position_embeddings", None) or 0
    tables = (each for name, each in network.named_modules() if name.endswith(_POSITIONS))
    first = next((getattr(each, "padding_idx", None) for each in tables), None)
    offset = 0 if first is None else first + 1
    told = getattr(tokenizer, "model_max_length", _TOKENS[1])
    return int(min(_TOKENS[1], told, places - offset if places > 0 else _TOKENS[1]))


def _masks_padding(extractor: Any) -> bool:
    """Whether a network of sounds is told what is padding. One that is not takes silence that was
    added for part of the sound.
    """
    names = getattr(extractor, "model_input_names", [""])
    return bool(getattr(extractor, "return_attention_mask", False)) and names[0] == "input_values"


def _signal_length(count: int, *, padded: bool) -> int:
    return power_of_two(count, *_SIGNAL) if padded else min(max(count, _LEAST_HEARD), _SIGNAL[1])


def _of_length(signal: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    kept = signal[:length]
    return np.pad(kept, (0, length - len(kept)))


def _preparer(modality: Modality) -> Callable[..., Any]:
    """What loads what makes a network's inputs."""
    if modality is Modality.TEXT:
        return require("transformers", "transformers").AutoTokenizer.from_pretrained  # type: ignore[no-any-return]
    if modality is Modality.AUDIO:
        return require("transformers", "transformers").AutoFeatureExtractor.from_pretrained  # type: ignore[no-any-return]
    # By its module: the package's own name for it asks for torchvision, which this back end needs
    # not.
    images = require("transformers.models.auto.image_processing_auto", "transformers")
    return partial(images.AutoImageProcessor.from_pretrained, backend="pil")
