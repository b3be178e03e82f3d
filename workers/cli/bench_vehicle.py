"""`sensorium bench vehicle`: how many vehicles one core tracks."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from workers.cli.bench_options import ReportOption, SeedOption, print_report, progress
from workers.cli.failures import WorkFailed
from workers.cli.options import example
from workers.cli.output import print_table, print_text

VEHICLE_EXAMPLE = example("sensorium bench vehicle --passes 3 --json")


def vehicle(
    vehicles: Annotated[int, typer.Option(min=1, max=10_000, help="At the same time.")] = 128,
    objects: Annotated[int, typer.Option(min=1, max=64, help="Around each vehicle.")] = 10,
    frames: Annotated[int, typer.Option(min=2, max=10_000, help="At 10 Hz.")] = 50,
    batch: Annotated[int, typer.Option(min=1, max=4096, help="Vehicles in one call.")] = 64,
    seed: SeedOption = 7,
    passes: Annotated[int, typer.Option(min=1, max=100, help="Medians are reported.")] = 1,
    json: ReportOption = False,
) -> None:
    """Track objects around many vehicles. Object lists of lidar and camera, in one thread.

    In steps (one vehicle's lists of one frame) per CPU second: reading the lists and nothing else,
    the tracker alone, and the model as a worker has it, from JSON lists to objects and states.
    Fails where one core does not keep up with 100 vehicles at 10 Hz.
    """
    from workers.bench.vehicle import measure_vehicle

    report = measure_vehicle(
        vehicles=vehicles,
        objects=objects,
        frames=frames,
        batch=batch,
        seed=seed,
        passes=passes,
        note=progress(),
    )
    print_report(report, _print, json=json)
    if report["model_vehicles_per_core"] < _GOAL:
        raise WorkFailed(
            f"expected {_GOAL} vehicles at 10 Hz on one core, got "
            f"{report['model_vehicles_per_core']}"
        )


#: What one core has to keep up with, in vehicles at 10 Hz.
_GOAL = 100


def _print(report: dict[str, Any]) -> None:
    print_text(
        f"{report['vehicles']} vehicles, {report['objects']} objects around each, "
        f"{report['frames']} frames, {report['batch']} vehicles a call, {report['device']}"
    )
    rows = [
        ("lists read", f"{report['decode_steps_per_s']:,.0f}", ""),
        *(
            (
                name,
                f"{report[f'{key}_steps_per_s']:,.0f}",
                f"{report[f'{key}_vehicles_per_core']:,}",
            )
            for key, name in (("core", "tracker alone"), ("model", "lists to objects"))
        ),
    ]
    print_table(["", "steps per CPU second", "vehicles at 10 Hz a core"], rows)
    print_text(
        f"Lists to objects cost {report['cost_of_decoding']:.1f} times what reading the lists "
        f"does. A vehicle's state takes {report['state_bytes']:,.0f} bytes."
    )
