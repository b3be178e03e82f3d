"""What every encoder of a learned model offers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from schemas.sample import Modality, Sample
from streams.compute import BadSample
from workers.codecs import decode_any
from workers.encoders.base import Encoder
from workers.learned.plan import EncoderOptions

#: What ``decode`` makes of a sample: whatever ``collate`` understands.
Decoded = Any

#: A feature's values on the wire, little-endian.
WIRE: dict[str, np.dtype[Any]] = {"float32": np.dtype("<f4"), "float16": np.dtype("<f2")}


class InputEncoder(Encoder):
    """f(x) of one input: decoded samples in, feature vectors of ``width`` out.

    ``decode`` needs no weights, runs on threads of its own, and may compute a great deal;
    ``forward`` is what is trained, or ``frozen``. What is found on training samples (a mean, a
    vocabulary's weights) is kept in buffers, which lie in model.safetensors with the weights; their
    shapes follow from the options alone: what only data can tell goes through ``resolved``.
    """

    Options: ClassVar[type[EncoderOptions]]
    #: Grows with every change after which ``decode`` or ``forward`` gives other features.
    revision: ClassVar[int] = 1
    #: Values of a feature on the wire. In ``float32`` they are what the network made, to the bit.
    wire: ClassVar[Literal["float32", "float16"]] = "float32"
    #: Whether nothing in it is learned by gradients: its features are computed once in training.
    frozen: ClassVar[bool] = False

    def __init__(self, options: EncoderOptions, modality: Modality) -> None:
        super().__init__()
        self.options = options
        self.modality = modality
        #: Tells what ``decode`` gives from what that of another encoder gives.
        self.decoding = f"{modality} {self.revision} {options!r}"

    @property
    @abstractmethod
    def width(self) -> int:
        """Length of a feature."""

    @property
    def parts(self) -> Sequence[slice]:
        """Slices of a feature that tell the same in several ways, so that one may learn from each
        alone; together all of it.
        """
        return (slice(0, self.width),)

    @classmethod
    def resolved(
        cls, options: EncoderOptions, modality: Modality, samples: Sequence[Sample]
    ) -> EncoderOptions:
        """The options with what only training samples can tell filled in, such as a width.

        Called before an encoder is made. Raises ``PartError`` where the samples do not fit.
        """
        del modality, samples
        return options

    def fit(self, decoded: Sequence[Decoded]) -> None:
        """Fill the buffers from decoded training samples, before any training.

        Raises ``PartError`` where they tell nothing.
        """
        del decoded

    def decode(self, sample: Sample) -> Decoded | BadSample:
        """A sample's payload, made ready for ``collate``. Raises nothing for any input."""
        return decode_any(sample.modality, sample.content_type, sample.payload)

    def augment(self, decoded: Decoded, rng: np.random.Generator) -> Decoded:
        """A changed copy whose labels are still true, for training; the same without one."""
        del rng
        return decoded

    def foundation(self) -> str:
        """Digest of what features depend on besides the options and what is saved with the model:
        weights that come with a package. Empty where there is nothing.
        """
        return ""

    def to_wire(self, feature: NDArray[np.float32]) -> bytes:
        """One finite feature (width,) as it is kept."""
        return feature.astype(WIRE[self.wire]).tobytes()

    def from_wire(self, features: Sequence[bytes]) -> NDArray[np.float32]:
        """Features as float32 (n, width). Raises ``ValueError`` where one has another length."""
        kind = WIRE[self.wire]
        size = self.width * kind.itemsize
        for feature in features:
            if len(feature) != size:
                raise ValueError(f"expected features of {size} bytes, got {len(feature)}")
        return np.frombuffer(b"".join(features), kind).reshape(-1, self.width).astype(np.float32)
