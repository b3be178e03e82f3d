"""What tells the features of one set of encoders from those of another."""

from __future__ import annotations

import hashlib

from torch import nn


def encoders_digest(architecture: str, encoders: nn.Module) -> str:
    """Digest of everything that a feature depends on: the encoders' form and their weights, hex.

    Models that differ in their fusion alone have the same one.
    """
    digest = hashlib.sha256(architecture.encode())
    for name, weight in sorted(encoders.state_dict().items()):
        values = weight.detach().cpu().contiguous().numpy()
        digest.update(f"\x1f{name} {values.dtype} {values.shape}\x1f".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()
