"""A registry of one's own with versions of a small untrained model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from schemas.inputs import InputSpec
from schemas.model import ModelSpec
from schemas.pipeline import Pipeline
from schemas.sample import Modality
from schemas.settings import WorkerSettings
from schemas.windows import WindowSpec
from tests.workers.models import manifest, network
from workers.fusion.network import Network
from workers.model_file import save_model
from workers.registry.store import Registry

NAME = "small"
MODALITIES = (Modality.TEXT, Modality.SERIES)


@dataclass
class Shelf:
    """The registry, and a clock that goes on by a second with every look at it."""

    root: Path
    seconds: int = 0
    registry: Registry = field(init=False)

    def __post_init__(self) -> None:
        self.registry = Registry(self.root, now=self._now)

    def _now(self) -> str:
        self.seconds += 1
        return f"2026-01-01T00:00:{self.seconds:02}Z"

    def add(
        self,
        version: str,
        *,
        made: Network | None = None,
        modalities: Sequence[Modality] = MODALITIES,
    ) -> Path:
        """A version of the model; its weights follow from its name."""
        made = made or network(modalities, seed=sum(version.encode()))
        described = msgspec.structs.replace(manifest(modalities), name=NAME, version=version)
        source = self.root.parent / f"made-{version}"
        save_model(source, made, described)
        return self.registry.add(source)

    def worker(self) -> WorkerSettings:
        return WorkerSettings(models=self.root, device="cpu", model_poll_ms=50)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "models")


def a_pipeline(*modalities: Modality, **model: str) -> Pipeline:
    """One input per modality, with the model of these tests."""
    return Pipeline(
        pipeline="test",
        inputs={m.value: InputSpec(modality=m) for m in modalities or MODALITIES},
        window=WindowSpec.model_validate({"size": "2s"}),
        model=ModelSpec(**{"name": NAME, **model}),  # type: ignore[arg-type]
    )


def damage(path: Path) -> None:
    """Change one byte in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
