"""Several models over the same samples: each sample is decoded and encoded for all of them."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec

from schemas.sample import Modality, Sample
from streams.align.types import Window
from streams.compute import BadSample, Fusion
from workers.backends.base import Decoded, Model
from workers.backends.frames import Gap, pack, unpack
from workers.errors import ModelError, NonFiniteError, RemoteError, RequestRefused
from workers.inference.isolation import isolate

log = logging.getLogger(__name__)

In = TypeVar("In")
Out = TypeVar("Out")

#: What a decoded sample is for a model that does not take its modality.
_NOTHING: Any = None


class Several:
    """What models share when they stand behind one feature: models whose ``features`` are equal
    decode and encode once for all of them.

    Not a model itself: how their answers become one is up to the composition that uses it.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        """The first is the one whose name is used in messages; of models with equal features the
        last decodes and encodes.
        """
        self.models = tuple(models)
        kinds: dict[str, int] = {}
        #: model -> which of the kinds of feature it takes
        self._kind_of = [kinds.setdefault(model.features, len(kinds)) for model in models]
        #: kind -> the model that decodes and encodes for it
        self._makers = [
            next(model for model in reversed(models) if model.features == features)
            for features in kinds
        ]
        #: Calls of a model at the same time, whichever threads they come from.
        self._lanes = {id(model): threading.BoundedSemaphore(model.lanes) for model in models}
        told = msgspec.json.encode([model.features for model in models])
        self.features = hashlib.sha256(b"several\x1f" + told).hexdigest()

    @property
    def modalities(self) -> Collection[Modality]:
        """What at least one of them takes."""
        return sorted({modality for model in self.models for modality in model.modalities})

    def decode(self, sample: Sample) -> list[Decoded] | BadSample:
        """One decoded sample for each kind. What any of the models finds bad is bad for all: the
        same records are dead letters whichever of them answers.
        """
        out = []
        for maker in self._makers:
            takes = sample.modality in maker.modalities
            decoded = maker.decode(sample) if takes else _NOTHING
            if isinstance(decoded, BadSample):
                return decoded
            out.append(decoded)
        return out

    def encode(
        self,
        modality: Modality,
        decoded: Sequence[Sequence[Decoded]],
        may_fail: Callable[[Model], bool] = lambda model: False,
    ) -> list[bytes]:
        """One feature per sample, of a part for each model.

        Where a model that ``may_fail`` raises ``RemoteError``, its parts of the batch are
        ``Gap.FAILED``; where it refuses a sample, or makes NaN of it, that sample's part alone.
        What else is raised goes to the caller.
        """
        parts = [
            self._encode_kind(kind, modality, [each[kind] for each in decoded], may_fail)
            for kind in range(len(self._makers))
        ]
        return [
            pack([parts[kind][place] for kind in self._kind_of]) for place in range(len(decoded))
        ]

    def _encode_kind(
        self,
        kind: int,
        modality: Modality,
        decoded: Sequence[Decoded],
        may_fail: Callable[[Model], bool],
    ) -> Sequence[bytes | Gap]:
        maker = self._makers[kind]
        if modality not in maker.modalities:
            return [Gap.ABSENT] * len(decoded)
        with self._lanes[id(maker)]:
            if not may_fail(maker):
                return maker.encode(modality, decoded)
            found = unless_it_fails(partial(maker.encode, modality), decoded)
        return [Gap.FAILED if each is None else each for each in found]

    def window_for(self, number: int, window: Window) -> Window | None:
        """A window with the parts of one model, without the samples that it does not take; ``None``
        where it could not encode one that it does.

        Raises ``ModelError`` where the features are not of these models.
        """
        samples = []
        for sample in window.samples:
            try:
                part = unpack(sample.feature)[number]
            except (ValueError, IndexError) as error:
                raise ModelError(
                    self.models[0].ref.name,
                    f"window at {window.start_us} µs: {error}; rewind the shard so that they are "
                    "encoded again",
                ) from None
            if part is Gap.FAILED:
                return None
            if isinstance(part, bytes):
                samples.append(msgspec.structs.replace(sample, feature=part))
        return msgspec.structs.replace(window, samples=tuple(samples))

    def fuse(self, number: int, windows: Sequence[Window]) -> Sequence[Fusion]:
        """What one of the models answers to windows of its own, see ``window_for``."""
        model = self.models[number]
        with self._lanes[id(model)]:
            return model.fuse(windows)

    def close(self) -> None:
        """Close every model."""
        for model in self.models:
            model.close()


def unless_it_fails(
    run: Callable[[Sequence[In]], Sequence[Out]], items: Sequence[In]
) -> list[Out | None]:
    """What a model makes of each item; ``None`` for those that it refuses or answers NaN to, and
    for all where it does not answer at all. What an item gets does not depend on what else is in
    the batch. Raises what else the model raises.
    """
    try:
        found = isolate(run, items)
    except RemoteError as error:
        log.debug("%s", error)
        return [None] * len(items)
    for each in found:
        if isinstance(each, Exception) and not isinstance(each, RequestRefused | NonFiniteError):
            raise each
    return [None if isinstance(each, Exception) else each for each in found]
