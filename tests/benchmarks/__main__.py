"""``make bench``: the alignment job without a model, against a bare loop in the same run."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys

from rich.console import Console
from rich.table import Table

from schemas.settings import load_settings
from streams.stack import embedded_stack
from streams.subscribe import subscribe_results
from tests.benchmarks.workload import PIPELINE, SIZE_MS, Sent, backlog, produce, windows

#: Longest silence of the results topic while the published windows are counted, seconds.
_READ_TIMEOUT_S = 20.0


def measure(name: str, sent: list[Sent], seed: int) -> dict[str, float]:
    """Run one contestant against servers of its own; returns its figures."""
    expected = windows(sent)
    with embedded_stack() as stack:
        environ = {
            **os.environ,
            "SENSORIUM_KAFKA__BOOTSTRAP": stack.kafka_bootstrap,
            "SENSORIUM_REDIS__URL": stack.redis_url,
            "SENSORIUM_KAFKA__SESSION_TIMEOUT_MS": "2000",
        }
        settings = load_settings(environ=environ)
        asyncio.run(produce(sent, settings.kafka, seed))
        command = [sys.executable, "-m", "tests.benchmarks.contestants", name]
        done = subprocess.run(
            [*command, str(len(sent)), str(len(expected))],
            env=environ,
            check=True,
            stdout=subprocess.PIPE,
        )
        figures: dict[str, float] = json.loads(done.stdout)
        if name != "floor":
            figures["exact_pct"] = asyncio.run(exact_share(settings.kafka, expected))
        return figures


async def exact_share(kafka: object, expected: dict[tuple[str, int], dict[str, int]]) -> float:
    """Share of windows, in percent, published once with exactly their samples."""
    from schemas.units import US_PER_MS, iso_to_us

    got: dict[tuple[str, int], list[dict[str, int]]] = {}
    async with asyncio.timeout(_READ_TIMEOUT_S):
        async for result in subscribe_results(
            PIPELINE.pipeline, kafka=kafka, from_beginning=True, repeats=True
        ):
            start_ms = iso_to_us(result.window.start) // US_PER_MS
            used = {use.input: use.used for use in result.sensors.values() if use.used}
            got.setdefault((result.session, start_ms), []).append(used)
            if len(got) == len(expected):
                break
    exact = sum(got.get(key) == [counts] for key, counts in expected.items())
    return round(100 * exact / len(expected), 2)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sent = backlog(options.sessions, options.seconds, options.seed)
    figures = {name: measure(name, sent, options.seed) for name in ("floor", "aiokafka", "faust")}
    if options.json:
        print(json.dumps({"records": len(sent), "window_ms": SIZE_MS, **figures}))
        return
    table = Table(title=f"{len(sent):,} records of {options.sessions} sessions, one process")
    for column in ("", "samples/s", "of floor", "CPU s/M", "of floor", "RSS MB", "exact %"):
        table.add_column(column, justify="right")
    for name, row in figures.items():
        table.add_row(
            name,
            f"{row['samples_per_s']:,.0f}",
            f"{row['samples_per_s'] / figures['floor']['samples_per_s']:.2f}",
            f"{row['cpu_s_per_million']:.1f}",
            f"{row['cpu_s_per_million'] / figures['floor']['cpu_s_per_million']:.2f}",
            f"{row['peak_rss_mb']:.0f}",
            f"{row['exact_pct']:.2f}" if "exact_pct" in row else "",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
