"""Versions of the call model for tests: retouched copies of the shipped one, in a registry."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.harness import Site, WorkerProcess
from workers.fusion.network import Network
from workers.model_file import load_model, save_model
from workers.registry.store import Registry

NAME = "call"
#: How often a worker looks at the registry.
POLL_MS = 100


@dataclass(frozen=True)
class Releases:
    """A registry of which the workers of a site are told."""

    root: Path

    @property
    def registry(self) -> Registry:
        return Registry(self.root)

    @property
    def shipped(self) -> str:
        version = self.registry.shipped(NAME)
        assert version is not None
        return version

    def serve(self, here: Site) -> None:
        """The site's workers look at this registry."""
        here.variables["SENSORIUM_WORKER__MODELS"] = str(self.root)
        here.variables["SENSORIUM_WORKER__MODEL_POLL_MS"] = str(POLL_MS)

    def other_fusion(self, version: str) -> str:
        """A version with the shipped encoders; returns its digest."""
        return self._retouched(version, lambda network: network.fusion)

    def other_encoders(self, version: str) -> str:
        """A version whose encoders are others too; returns its digest."""
        return self._retouched(version, lambda network: network)

    def _retouched(self, version: str, part) -> str:  # type: ignore[no-untyped-def]
        """Every weight of one part is a little off."""
        model = load_model(NAME)
        network: Network = model.network
        with torch.no_grad(), torch.random.fork_rng():
            torch.manual_seed(sum(version.encode()))
            for weight in part(network).parameters():
                weight.add_(0.05 * weight.abs().mean() * torch.randn_like(weight))
        described = msgspec.structs.replace(model.manifest, version=version)
        written = save_model(self.root.parent / f"made-{version}", network, described)
        self.registry.add(self.root.parent / f"made-{version}")
        return written.sha256

    def damage(self, version: str) -> None:
        """Change one byte in the middle of a version's weights."""
        path = self.root / NAME / version / "model.safetensors"
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(content)


def series(worker: WorkerProcess, name: str) -> dict[frozenset[tuple[str, str]], float]:
    """A metric of a worker: labels -> value."""
    with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    return {
        frozenset(sample.labels.items()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def total(worker: WorkerProcess, name: str, **labels: str) -> float:
    """The sum over the series of a metric that have these labels."""
    return sum(
        value
        for found, value in series(worker, name).items()
        if labels.items() <= dict(found).items()
    )


def served_version(worker: WorkerProcess) -> str:
    """The version that a worker says it serves."""
    (labels,) = series(worker, "sensorium_model_info")
    return dict(labels)["version"]


async def until(holds: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Wait for what another process does."""
    async with asyncio.timeout(timeout_s):
        while True:
            if await asyncio.to_thread(holds):
                return
            await asyncio.sleep(0.05)
