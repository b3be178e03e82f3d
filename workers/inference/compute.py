"""``streams.compute.Compute`` around one model: decode, encode and fuse, micro-batched."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from schemas.pipeline import Pipeline
from schemas.result import ModelRef
from schemas.sample import Modality, Sample
from streams.align.types import Window
from streams.compute import DROPPED, NOTHING_USED, BadSample, Dropped, Fusion
from workers.backends.base import Decoded, Model, StatefulModel
from workers.backends.serving import check_keeps_state, check_serves
from workers.codecs import cut as cutting
from workers.device import spare_cores
from workers.errors import ModelError, NonFiniteError, WorkerError
from workers.failing import told
from workers.inference.admission import Admission
from workers.inference.batcher import MicroBatcher
from workers.inference.blame import fuse_each
from workers.inference.isolation import isolate
from workers.inference.lanes import Lanes
from workers.inference.observing import Observer, Unobserved
from workers.inference.turns import fuse_in_turns

#: Samples decoded in one go on a pool thread: every hand-over between threads costs about 100 µs.
_BLOCK = 64
#: Samples decoded or waiting for the encoder at once, if the model's batches are not larger: one
#: batch is computed while another is decoded. A decoded sweep is 64 KB, so they hold at most 8 MB.
_AT_ONCE = 128

Encoded = bytes | BadSample | Dropped


class ModelCompute:
    """One model for one pipeline.

    Decoding runs on a pool of threads, batches of the model on as many as it has lanes: the event
    loop never waits for either. Use from one event loop; ``close`` ends the threads and closes the
    model.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        model: Model,
        *,
        max_delay_ms: float = 2.0,
        max_queued_samples: int = 4_000,
        decode_threads: int | None = None,
        observer: Observer | None = None,
    ) -> None:
        """``max_delay_ms``: unless the pipeline file says another. ``max_queued_samples``: of an
        input that drops, see ``Admission``. ``decode_threads``: the cores that are left where
        ``None``. Raises ``ModelError``, see ``check_serves`` and ``check_keeps_state``.
        """
        check_serves(model.ref.name, model.modalities, model.tasks, pipeline)
        self._model = model
        self._states = model.states if isinstance(model, StatefulModel) else ""
        if self._states:
            check_keeps_state(model.ref.name, pipeline)
        self._observer = observer or Unobserved()
        if pipeline.model.max_delay is not None:
            max_delay_ms = pipeline.model.max_delay.total_seconds() * 1_000
        self._max_batch = max_batch = pipeline.model.max_batch
        self._decoders = ThreadPoolExecutor(decode_threads or spare_cores(), "decode")
        self._lanes = Lanes(model.lanes)
        at_once = max(_AT_ONCE, 2 * max_batch * model.lanes)
        self._admission = Admission(
            {name: spec.overload for name, spec in pipeline.inputs.items()},
            at_once=at_once,
            max_waiting=max_queued_samples,
        )
        self._encoders: dict[Modality, MicroBatcher[Decoded, bytes | BadSample]] = {
            modality: MicroBatcher(
                partial(self._encode_batch, modality),
                self._lanes,
                max_batch=max_batch,
                max_delay_ms=max_delay_ms,
                max_pending=at_once,
                note=partial(self._observer.batch, "encode", modality.value),
            )
            for modality in model.modalities
        }
        self._fusion: MicroBatcher[Window, Fusion] = MicroBatcher(
            partial(fuse_each, model.fuse),
            self._lanes,
            max_batch=max_batch,
            # In turns, nobody else comes to share the batch.
            max_delay_ms=0.0 if self._states else max_delay_ms,
            max_pending=16 * max_batch * model.lanes,
            note=partial(self._observer.batch, "fuse", ""),
        )

    @property
    def model(self) -> ModelRef:
        """The model that answers."""
        return self._model.ref

    @property
    def features(self) -> str:
        """See ``workers.backends.base.Model.features``."""
        return self._model.features

    @property
    def states(self) -> str:
        """See ``workers.backends.base.StatefulModel.states``; empty for any other model."""
        return self._states

    @property
    def lanes(self) -> int:
        """Batches that run at the same time."""
        return self._lanes.count

    def warm(self) -> None:
        """Run every shape of batch once; blocks. Raises ``ModelError`` where the model fails on
        what is no user's sample, and the other errors of ours.
        """
        try:
            self._lanes.run_blocking(partial(self._model.warm, self._max_batch))
        except WorkerError:
            raise
        except Exception as error:
            raise ModelError(
                self.model.name,
                f"expected it to run on an example of its inputs, it failed with {told(error)}: "
                f"{' '.join(str(error).split())[:300]}",
            ) from error

    def close(self) -> None:
        """End the threads once what they are at is done, and close the model."""
        self._decoders.shutdown(wait=True, cancel_futures=True)
        self._lanes.close()
        self._model.close()

    async def encode(self, samples: Sequence[Sample]) -> list[Encoded]:
        """See ``streams.compute.Compute.encode``. Raises only errors that blame no sample."""
        by_input: dict[str, list[int]] = defaultdict(list)
        for index, sample in enumerate(samples):
            by_input[sample.input].append(index)
        blocks = [
            indices[start : start + _BLOCK]
            for indices in by_input.values()
            for start in range(0, len(indices), _BLOCK)
        ]
        results: list[Encoded] = [DROPPED] * len(samples)
        parts = await asyncio.gather(
            *(self._encode_block([samples[index] for index in block]) for block in blocks)
        )
        for block, part in zip(blocks, parts, strict=True):
            for index, result in zip(block, part, strict=True):
                results[index] = result
        return results

    def interval_us(self, sample: Sample) -> tuple[int, int] | BadSample:
        """See ``workers.codecs.cut.interval_us``. Raises nothing for any input."""
        return cutting.interval_us(sample)

    def cut(self, sample: Sample, bounds_us: Sequence[int]) -> Sequence[Sample] | BadSample:
        """See ``workers.codecs.cut.cut``. Raises nothing for any input."""
        return cutting.cut(sample, bounds_us)

    async def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        """See ``streams.compute.Compute.fuse``. Raises only errors that blame no window.

        A model without state is not asked about a window without samples: see ``NOTHING_USED``.
        """
        due_us = min((window.end_us for window in windows), default=0)
        if self._states:
            return await fuse_in_turns(lambda turn: self._fusion.submit(turn, due_us), windows)
        there = [window for window in windows if window.samples]
        if len(there) == len(windows):
            return await self._fusion.submit(windows, due_us)
        answers = iter(await self._fusion.submit(there, due_us) if there else ())
        return [next(answers) if window.samples else NOTHING_USED for window in windows]

    async def _encode_block(self, samples: Sequence[Sample]) -> list[Encoded]:
        """Samples of one input."""
        due_us = min(sample.start_us for sample in samples)
        async with self._admission.turn(samples[0].input, len(samples), due_us) as admitted:
            if not admitted:
                return [DROPPED] * len(samples)
            decoded = await self._decoded(samples)
            results: list[Encoded] = [DROPPED] * len(samples)
            groups: dict[Modality, list[int]] = defaultdict(list)
            for index, (sample, value) in enumerate(zip(samples, decoded, strict=True)):
                if isinstance(value, BadSample):
                    results[index] = value
                else:
                    groups[sample.modality].append(index)
            for modality, indices in groups.items():
                batcher = self._encoders[modality]
                features = await batcher.submit([decoded[index] for index in indices], due_us)
                for index, feature in zip(indices, features, strict=True):
                    results[index] = feature
        return results

    async def _decoded(self, samples: Sequence[Sample]) -> list[Decoded | BadSample]:
        loop, asked_s = asyncio.get_running_loop(), time.monotonic()
        began_s, ended_s, decoded = await loop.run_in_executor(
            self._decoders, self._decode_block, samples
        )
        waited = ((began_s - asked_s, len(samples)),)
        modality = samples[0].modality.value
        self._observer.batch("decode", modality, len(samples), ended_s - began_s, waited)
        return decoded

    def _decode_block(
        self, samples: Sequence[Sample]
    ) -> tuple[float, float, list[Decoded | BadSample]]:
        began_s = time.monotonic()
        decoded = [self._decode_one(sample) for sample in samples]
        return began_s, time.monotonic(), decoded

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
    return BadSample(
        "encoder_failed", name, f"the encoder failed on this sample with {told(feature)}"
    )
