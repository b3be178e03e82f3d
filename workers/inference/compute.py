"""``streams.compute.Compute`` around one model: decode, encode and fuse, micro-batched."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from schemas.pipeline import Pipeline
from schemas.result import ModelRef
from schemas.sample import Modality, Sample
from streams.align.types import Window
from streams.compute import BadSample, Fusion
from workers.backends.base import Decoded, Model
from workers.backends.serving import check_serves
from workers.codecs import cut as cutting
from workers.errors import NonFiniteError
from workers.inference.batcher import MicroBatcher
from workers.inference.isolation import isolate

#: Samples decoded in one go on a pool thread: long enough to pay for the hand-over (about 50 µs).
_BLOCK = 32
#: Blocks decoded or waiting for the encoder, all calls together; a decoded sweep is 64 KB, so
#: they hold at most 16 MB.
_BLOCKS_IN_FLIGHT = 8
#: Decoding releases the interpreter lock in OpenCV, libsndfile and numpy; more threads than this
#: contend for it in between.
_DECODE_THREADS = 2


class ModelCompute:
    """One model for one pipeline.

    Decoding runs on a small thread pool, batches of the model on as many threads as it has lanes:
    the event loop never waits for either. Use from one event loop; ``close`` ends the threads and
    closes the model.
    """

    def __init__(self, pipeline: Pipeline, model: Model, *, max_delay_ms: float = 2.0) -> None:
        """Raises ``ModelError``, see ``check_serves``."""
        check_serves(model.ref.name, model.modalities, model.tasks, pipeline)
        self._model = model
        self._max_batch = max_batch = pipeline.model.max_batch
        self._decoders = ThreadPoolExecutor(_DECODE_THREADS, "decode")
        self._lanes = ThreadPoolExecutor(model.lanes, "model")
        self._blocks = asyncio.Semaphore(_BLOCKS_IN_FLIGHT)
        self._encoders: dict[Modality, MicroBatcher[Decoded, bytes | BadSample]] = {
            modality: MicroBatcher(
                partial(self._encode_batch, modality),
                self._lanes,
                max_batch=max_batch,
                max_delay_ms=max_delay_ms,
                max_pending=_BLOCK * _BLOCKS_IN_FLIGHT,
            )
            for modality in model.modalities
        }
        self._fusion: MicroBatcher[Window, Fusion] = MicroBatcher(
            model.fuse,
            self._lanes,
            max_batch=max_batch,
            max_delay_ms=max_delay_ms,
            max_pending=16 * max_batch,
        )

    @property
    def model(self) -> ModelRef:
        """The model that answers."""
        return self._model.ref

    @property
    def features(self) -> str:
        """What its features depend on."""
        return self._model.features

    def warm(self) -> None:
        """Run every shape of batch once; blocks."""
        self._lanes.submit(self._model.warm, self._max_batch).result()

    def close(self) -> None:
        """End the threads once what they are at is done, and close the model."""
        self._decoders.shutdown(wait=True, cancel_futures=True)
        self._lanes.shutdown(wait=True, cancel_futures=True)
        self._model.close()

    async def encode(self, samples: Sequence[Sample]) -> list[bytes | BadSample]:
        """See ``streams.compute.Compute.encode``. Raises only errors that blame no sample."""
        blocks = [samples[start : start + _BLOCK] for start in range(0, len(samples), _BLOCK)]
        parts = await asyncio.gather(*(self._encode_block(block) for block in blocks))
        return [result for part in parts for result in part]

    def interval_us(self, sample: Sample) -> tuple[int, int] | BadSample:
        """See ``workers.codecs.cut.interval_us``. Raises nothing for any input."""
        return cutting.interval_us(sample)

    def cut(self, sample: Sample, bounds_us: Sequence[int]) -> Sequence[Sample] | BadSample:
        """See ``workers.codecs.cut.cut``. Raises nothing for any input."""
        return cutting.cut(sample, bounds_us)

    async def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        """See ``streams.compute.Compute.fuse``. Raises what the model raises."""
        return await self._fusion.submit(windows)

    async def _encode_block(self, samples: Sequence[Sample]) -> list[bytes | BadSample]:
        async with self._blocks:
            loop = asyncio.get_running_loop()
            decoded = await loop.run_in_executor(self._decoders, self._decode_block, samples)
            results: list[bytes | BadSample | None] = [None] * len(samples)
            groups: dict[Modality, list[int]] = defaultdict(list)
            for index, (sample, value) in enumerate(zip(samples, decoded, strict=True)):
                if isinstance(value, BadSample):
                    results[index] = value
                else:
                    groups[sample.modality].append(index)
            parts = await asyncio.gather(
                *(
                    self._encoders[modality].submit([decoded[index] for index in indices])
                    for modality, indices in groups.items()
                )
            )
            for indices, part in zip(groups.values(), parts, strict=True):
                for index, result in zip(indices, part, strict=True):
                    results[index] = result
        return results  # type: ignore[return-value]

    def _decode_block(self, samples: Sequence[Sample]) -> list[Decoded | BadSample]:
        return [self._decode_one(sample) for sample in samples]

    def _decode_one(self, sample: Sample) -> Decoded | BadSample:
        if sample.modality not in self._encoders:
            return BadSample(
                "unknown_modality", "ModelError", f"the model takes no {sample.modality.value}"
            )
        return self._model.decode(sample)

    def _encode_batch(
        self, modality: Modality, decoded: Sequence[Decoded]
    ) -> list[bytes | BadSample]:
        found = isolate(partial(self._model.encode, modality), decoded)
        return [_or_bad(feature) for feature in found]


def _or_bad(feature: bytes | Exception) -> bytes | BadSample:
    if isinstance(feature, bytes):
        return feature
    name = type(feature).__name__
    if isinstance(feature, NonFiniteError):
        return BadSample("non_finite_feature", name, str(feature))
    return BadSample("encoder_failed", name, f"the encoder failed on this sample with {name}")
