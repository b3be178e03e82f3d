"""What makes a training run give the same weights again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def reproducible(seed: int, threads: int = 1, *, cuda: bool = False) -> Iterator[None]:
    """Fix what torch leaves open: seed, thread count, and the choice of kernels.

    One thread: the operators are so small that a second one costs more than it gives, by a factor
    of four where the cores are busy with other work. With ``cuda`` an operator that has no
    repeatable form there is a warning, not an error.
    """
    if cuda:
        # Read by cuBLAS when it is first used: without it no product of matrices is repeatable.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.get_num_threads()
    strict = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True, warn_only=cuda)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(strict)
            torch.set_num_threads(before)
