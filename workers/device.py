"""Which device computes, and what counts as its failure rather than a sample's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from workers.errors import DeviceError

DEVICES = ("auto", "cpu", "cuda")
#: Threads beyond which decoding gets no quicker for the interpreter lock.
_MOST_DECODERS = 8


def resolve_device(name: str) -> torch.device:
    """``cpu``, ``cuda``, ``cuda:1`` or ``auto`` (the first GPU, else the CPU).

    Raises ``DeviceError`` where the name is none of these or the device is not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, index = name.partition(":")
    if kind not in DEVICES or (
        index and not (kind == "cuda" and index.isascii() and index.isdigit())
    ):
        raise DeviceError(f"expected a device of {DEVICES} or 'cuda:<index>', got {name!r}")
    if kind == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(index or 0) >= count:
            raise DeviceError(
                f"expected {name!r}, found {count} CUDA devices; use 'cpu' or 'auto', or install "
                "a CUDA build of torch and its driver"
            )
    return torch.device(name)


def set_threads(count: int | None) -> None:
    """Threads of one CPU operator, for the whole process; ``None`` is 1.

    One, because operators here take microseconds: on two cores a second thread makes encoders and
    fusion 1.5 to 3 times slower, and decoding needs the other core. Workers are the way to more
    cores. Raises ``DeviceError`` below 1.
    """
    threads = 1 if count is None else count
    if threads < 1:
        raise DeviceError(f"expected at least 1 thread, got {threads}")
    torch.set_num_threads(threads)


@contextmanager
def device_failures() -> Iterator[None]:
    """Turn failures of the device or of memory into ``DeviceError``.

    Without it the search for the bad sample of a failed batch would blame every sample.
    """
    try:
        yield
    except (torch.OutOfMemoryError, torch.AcceleratorError, MemoryError) as error:
        raise DeviceError(
            f"the device failed with {type(error).__name__}; lower model.max_batch or free memory"
        ) from error


def spare_cores(taken: int = 1) -> int:
    """Cores that this process may use, less those ``taken``; at least one.

    Decoding releases the interpreter lock in OpenCV, libsndfile and numpy, but not in between, so
    that more than a handful of threads contend for it.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = (os.cpu_count() or 1) if affinity is None else len(affinity(0))
    return max(1, min(_MOST_DECODERS, cores - taken))
