"""``streams.compute.Compute`` by torch: decode, encode and fuse, micro-batched."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from schemas.pipeline import Pipeline
from schemas.result import ModelRef
from schemas.sample import Modality, Sample
from streams.align.types import Window
from streams.compute import BadSample, Fusion
from workers.batcher import MicroBatcher, isolate
from workers.codecs import cut as cutting
from workers.codecs import decode
from workers.device import device_failures, resolve_device, set_threads
from workers.encoders.base import Array
from workers.encoders.feature import to_wire
from workers.encoders.tiling import encode_arrays
from workers.errors import ModelError
from workers.fusion.network import Answer, fuse_tokens
from workers.fusion.tokens import Tokens, window_tokens
from workers.model_file import LoadedModel, Manifest, load_model

#: Samples decoded in one go on a pool thread: long enough to pay for the hand-over (about 50 µs).
_BLOCK = 32
#: Blocks decoded or waiting for the encoder, all calls together; a decoded sweep is 64 KB, so
#: they hold at most 16 MB.
_BLOCKS_IN_FLIGHT = 8
#: Decoding releases the interpreter lock in OpenCV, libsndfile and numpy; more threads than this
#: contend for it in between.
_DECODE_THREADS = 2


def check_serves(manifest: Manifest, pipeline: Pipeline) -> None:
    """Raise ``ModelError`` where the model cannot do what the pipeline file asks of it."""
    have = set(manifest.modalities)
    for name, spec in pipeline.inputs.items():
        if spec.modality not in have:
            raise ModelError(
                manifest.name,
                f"input {name!r} is {spec.modality.value}, the model takes "
                f"{sorted(m.value for m in have)}; leave the input out or train with it",
            )
    for event in pipeline.events:
        labels = manifest.tasks.get(event.task)
        if labels is None or event.label not in labels:
            raise ModelError(
                manifest.name,
                f"tasks differ: event {event.name!r} needs label {event.label!r} of task "
                f"{event.task!r}, the model has {labels or sorted(manifest.tasks)}",
            )


class TorchCompute:
    """Encoders and fusion of one model on one device, for one pipeline.

    Decoding runs on a small thread pool, every torch call on one thread of its own: the event loop
    never waits for either. Use from one event loop; ``close`` ends the threads.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        model: LoadedModel,
        *,
        device: str = "auto",
        threads: int | None = None,
        max_delay_ms: float = 2.0,
    ) -> None:
        """Raises ``ModelError`` (see ``check_serves``) and ``DeviceError``."""
        check_serves(model.manifest, pipeline)
        set_threads(threads)
        self._device = resolve_device(device)
        self._modality_of = {name: spec.modality for name, spec in pipeline.inputs.items()}
        self._ref = model.ref
        self._network = model.network.to(self._device).eval()
        self._warm()
        self._decoders = ThreadPoolExecutor(_DECODE_THREADS, "decode")
        self._torch = ThreadPoolExecutor(1, "torch")
        max_batch = pipeline.model.max_batch
        self._blocks = asyncio.Semaphore(_BLOCKS_IN_FLIGHT)
        self._encoders: dict[Modality, MicroBatcher[Array, bytes | BadSample]] = {
            modality: MicroBatcher(
                partial(self._encode_batch, modality),
                self._torch,
                max_batch=max_batch,
                max_delay_ms=max_delay_ms,
                max_pending=_BLOCK * _BLOCKS_IN_FLIGHT,
            )
            for modality in model.manifest.modalities
        }
        self._fusion: MicroBatcher[Window, Fusion] = MicroBatcher(
            self._fuse_batch,
            self._torch,
            max_batch=max_batch,
            max_delay_ms=max_delay_ms,
            max_pending=16 * max_batch,
        )

    @classmethod
    def load(
        cls,
        pipeline: Pipeline,
        *,
        device: str = "auto",
        threads: int | None = None,
        max_delay_ms: float = 2.0,
    ) -> TorchCompute:
        """Load the pipeline's model, move it to the device and warm it up."""
        model = load_model(pipeline.model.name)
        return cls(pipeline, model, device=device, threads=threads, max_delay_ms=max_delay_ms)

    @property
    def model(self) -> ModelRef:
        """The model that answers."""
        return self._ref

    def close(self) -> None:
        """End the threads once what they are at is done."""
        self._decoders.shutdown(wait=True, cancel_futures=True)
        self._torch.shutdown(wait=True, cancel_futures=True)

    async def encode(self, samples: Sequence[Sample]) -> list[bytes | BadSample]:
        """See ``streams.compute.Compute.encode``. Raises ``DeviceError`` alone."""
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
        """See ``streams.compute.Compute.fuse``.

        Raises ``ModelError`` where a window's features are not this model's or the network's
        answer is not finite, and ``DeviceError``.
        """
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
            arrays = {m: [decoded[i] for i in indices] for m, indices in groups.items()}
            parts = await asyncio.gather(
                *(self._encoders[m].submit(group) for m, group in arrays.items())  # type: ignore[arg-type]
            )
            for indices, part in zip(groups.values(), parts, strict=True):
                for index, result in zip(indices, part, strict=True):
                    results[index] = result
        return results  # type: ignore[return-value]

    def _decode_block(self, samples: Sequence[Sample]) -> list[Array | BadSample]:
        return [self._decode_one(sample) for sample in samples]

    def _decode_one(self, sample: Sample) -> Array | BadSample:
        if sample.modality not in self._encoders:
            return BadSample(
                "unknown_modality", "ModelError", f"the model takes no {sample.modality.value}"
            )
        return decode(sample.modality, sample.content_type, sample.payload)

    def _features(self, modality: Modality, arrays: Sequence[Array]) -> NDArray[np.float32]:
        with device_failures():
            return encode_arrays(self._network.encoder(modality), arrays, self._device)

    @torch.inference_mode()
    def _encode_batch(self, modality: Modality, arrays: Sequence[Array]) -> list[bytes | BadSample]:
        rows = isolate(lambda part: list(self._features(modality, part)), arrays)
        return [_wire_or_bad(row) for row in rows]

    @torch.inference_mode()
    def _fuse_batch(self, windows: Sequence[Window]) -> list[Fusion]:
        tokens = [self._tokens(window) for window in windows]
        with device_failures():
            answers = fuse_tokens(self._network, tokens, self._device)
        return [self._fusion_of(w, a) for w, a in zip(windows, answers, strict=True)]

    def _tokens(self, window: Window) -> Tokens:
        try:
            return window_tokens(window, self._modality_of)
        except (ValueError, KeyError) as error:
            raise ModelError(
                self._ref.name,
                f"window at {window.start_us} µs holds features of another model or pipeline "
                f"({error}); rewind the shard so that they are encoded again",
            ) from None

    def _fusion_of(self, window: Window, answer: Answer) -> Fusion:
        if not all(np.isfinite(values).all() for values in answer.probabilities.values()):
            raise ModelError(
                self._ref.name, f"the answer for the window at {window.start_us} µs is not finite"
            )
        return Fusion(
            {
                task: dict(zip(self._network.tasks[task], map(float, values), strict=True))
                for task, values in answer.probabilities.items()
            },
            {modality.value: share for modality, share in answer.shares.items()},
        )

    @torch.inference_mode()
    def _warm(self) -> None:
        """Run everything once: the first call of a kernel costs up to a second on a GPU."""
        for name in self._network.encoders:
            modality = Modality(name)
            self._features(modality, [self._network.encoder(modality).example()])
        empty = Window(0, "", 0, 1, (), {}, 0)
        with device_failures():
            fuse_tokens(self._network, [window_tokens(empty, {})], self._device)


def _wire_or_bad(row: NDArray[np.float32] | Exception) -> bytes | BadSample:
    if isinstance(row, Exception):
        name = type(row).__name__
        return BadSample("encoder_failed", name, f"the encoder failed on this sample with {name}")
    if not np.isfinite(row).all():
        return BadSample(
            "non_finite_feature", "ModelError", "the encoder's output is NaN or infinite"
        )
    return to_wire(row)
