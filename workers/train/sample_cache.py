"""What was made of samples, kept between epochs, seeds and folds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from schemas.sample import Sample
from streams.compute import BadSample
from workers.learned.encoders.base import Decoded, InputEncoder
from workers.learned.model import LearnedModel, OfInput, encoder_digest

#: Samples encoded at a time.
_AT_ONCE = 256


class SampleCache:
    """Decoded samples and features of one list of samples.

    Decoded ones are kept as far as ``memory_bytes`` go and made again beyond; so are features,
    which with a ``folder`` are also kept there, by the digests of encoder and samples.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        *,
        memory_bytes: int = 2_000_000_000,
        folder: Path | None = None,
    ) -> None:
        self.samples = samples
        self._left = memory_bytes
        self._folder = folder
        self._decoded: dict[tuple[str, int], Decoded | BadSample] = {}
        self._features: dict[tuple[str, int], bytes | None] = {}

    def decoded(self, encoder: InputEncoder, position: int) -> Decoded | BadSample:
        """What an encoder's ``decode`` makes of a sample."""
        key = (encoder.decoding, position)
        found = self._decoded.get(key)
        if found is None:
            found = encoder.decode(self.samples[position])
            size = _size(found)
            if size <= self._left:
                self._left -= size
                self._decoded[key] = found
        return found

    def features(self, model: LearnedModel, positions: Iterable[int]) -> dict[int, bytes | None]:
        """Position -> feature, as ``model`` decodes and encodes it; ``None`` for a bad sample."""
        found: dict[int, bytes | None] = {}
        missing: dict[str, list[int]] = {}
        digests = {name: encoder_digest(model.network, name) for name in model.plan.inputs}
        for position in positions:
            name = self.samples[position].input
            if name not in digests:
                found[position] = None
            elif (key := (digests[name], position)) in self._features:
                found[position] = self._features[key]
            else:
                missing.setdefault(name, []).append(position)
        for name, wanted in missing.items():
            made = self._made(model, name, digests[name], wanted)
            found |= made
            for position, feature in made.items():
                size = 64 + len(feature or b"")
                if size <= self._left:
                    self._left -= size
                    self._features[digests[name], position] = feature
        return found

    def _made(
        self, model: LearnedModel, name: str, digest: str, positions: Sequence[int]
    ) -> dict[int, bytes | None]:
        if self._folder is None:
            return self._encoded(model, name, positions)
        path = self._folder / f"{digest[:32]}-{self._digest(positions)[:32]}.safetensors"
        kept = _read(path, positions)
        if kept is None:
            kept = self._encoded(model, name, positions)
            _write(path, kept)
        return kept

    def _encoded(
        self, model: LearnedModel, name: str, positions: Sequence[int]
    ) -> dict[int, bytes | None]:
        encoder = model.network.encoder(name)
        found: dict[int, bytes | None] = {}
        for start in range(0, len(positions), _AT_ONCE):
            some = positions[start : start + _AT_ONCE]
            decoded = {at: self.decoded(encoder, at) for at in some}
            good = [at for at in some if not isinstance(decoded[at], BadSample)]
            features = model.encode(encoder.modality, [OfInput(name, decoded[at]) for at in good])
            found |= dict.fromkeys(some) | dict(zip(good, features, strict=True))
        return found

    def _digest(self, positions: Sequence[int]) -> str:
        digest = hashlib.sha256()
        for position in positions:
            sample = self.samples[position]
            told = f"{sample.modality} {sample.content_type} {len(sample.payload)}\x1f"
            digest.update(told.encode() + sample.payload)
        return digest.hexdigest()


def _size(decoded: Decoded | BadSample) -> int:
    """About how many bytes a decoded sample takes."""
    if isinstance(decoded, np.ndarray):
        return decoded.nbytes + 128
    if isinstance(decoded, tuple | list):
        return 64 + sum(map(_size, decoded))
    return 128 + (len(decoded) if isinstance(decoded, str | bytes) else 0)


def _read(path: Path, positions: Sequence[int]) -> dict[int, bytes | None] | None:
    """Features of a file, ``None`` where there is none or it is damaged: it is made again then."""
    try:
        kept = safetensors.numpy.load_file(path)
        good, values = kept["good"], kept["values"]
    except (OSError, KeyError, safetensors.SafetensorError):
        return None
    if len(good) != len(positions) or int(good.sum()) != len(values):
        return None
    rows = iter(values)
    return {
        position: next(rows).tobytes() if there else None
        for position, there in zip(positions, good, strict=True)
    }


def _write(path: Path, found: dict[int, bytes | None]) -> None:
    rows = [np.frombuffer(each, np.uint8) for each in found.values() if each is not None]
    values = np.stack(rows) if rows else np.zeros((0, 0), np.uint8)
    good = np.asarray([each is not None for each in found.values()])
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    safetensors.numpy.save_file({"good": good, "values": values}, part)
    part.replace(path)
