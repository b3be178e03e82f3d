"""`sensorium bench`: rate, latency and memory, against a bare loop where there is one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from workers.bench.workload import FEATURE_BYTES
from workers.cli.bench_inference import (
    INFERENCE_EXAMPLE,
    PRECISION_EXAMPLE,
    inference,
    precision,
)
from workers.cli.bench_options import (
    FeatureOption,
    PartitionsOption,
    ReportOption,
    SeedOption,
    print_report,
    progress,
)
from workers.cli.bench_vehicle import VEHICLE_EXAMPLE, vehicle
from workers.cli.children import run_with_children
from workers.cli.failures import WorkFailed, WrongUsage
from workers.cli.options import ConfigOption, example, read_settings

if TYPE_CHECKING:
    from workers.bench.workload import Trouble

bench = typer.Typer()
EXAMPLE = example("sensorium bench align", "sensorium bench latency --rate 5000 --json")

#: Sizes where none are given; ``--verify`` plays eleven recordings.
_SESSIONS, _SECONDS = 200, 60
_VERIFY_SESSIONS, _VERIFY_SECONDS = 40, 20


@bench.callback(invoke_without_command=True)
def about(context: typer.Context) -> None:
    """Measure rate, latency and memory. On servers of its own, with a model that costs nothing."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@bench.command("align", epilog=example("sensorium bench align", "sensorium bench align --verify"))
def align(
    sessions: Annotated[
        int | None, typer.Option(min=1, help=f"Default: {_SESSIONS}; to verify {_VERIFY_SESSIONS}.")
    ] = None,
    seconds: Annotated[
        int | None,
        typer.Option(
            min=2, help=f"Length of a session. Default: {_SECONDS}; to verify {_VERIFY_SECONDS}."
        ),
    ] = None,
    partitions: PartitionsOption = 4,
    seed: SeedOption = 7,
    passes: Annotated[
        int, typer.Option(min=1, max=100, help="Passes of both sides; medians are reported.")
    ] = 1,
    transcripts_late: Annotated[
        str, typer.Option(metavar="DURATION", help="Transcripts arrive so much later, as 2s.")
    ] = "0s",
    silent_from_middle: Annotated[
        str | None,
        typer.Option(metavar="INPUT", help="Nothing of this input in the second half."),
    ] = None,
    fast_session: Annotated[
        int, typer.Option(min=1, max=100, help="The first session sends so many times as often.")
    ] = 1,
    clock_offset: Annotated[
        str,
        typer.Option(
            metavar="DURATION",
            help="Audio's clock is so far ahead, or behind as -300ms; the pipeline corrects it.",
        ),
    ] = "0s",
    feature_bytes: FeatureOption = FEATURE_BYTES,
    engine: Annotated[
        Literal["faust", "aiokafka"],
        typer.Option(help="As in production, or without Faust, for comparison."),
    ] = "faust",
    verify: Annotated[
        bool,
        typer.Option(
            "--verify", help="Only our worker, on more seeds and every trouble: is it exact?"
        ),
    ] = False,
    config: ConfigOption = None,
    json: ReportOption = False,
) -> None:
    """Work off a backlog, beside a bare loop. Both read the same records in the same run.

    Video and audio at 10 Hz and a transcript at 1 Hz per session; tumbling windows of 500 ms; one
    result per window. A window is exact where it was published once with exactly its samples.
    Fails where one is not.
    """
    from workers.bench.align import measure_align, verify_align
    from workers.bench.tables import print_align, print_verify
    from workers.bench.workload import Workload

    settings = read_settings(config)
    workload = Workload(
        sessions=sessions or (_VERIFY_SESSIONS if verify else _SESSIONS),
        seconds=seconds or (_VERIFY_SECONDS if verify else _SECONDS),
        partitions=partitions,
        seed=seed,
        trouble=trouble(transcripts_late, silent_from_middle, fast_session, clock_offset),
    )
    note = progress()
    if verify:
        work = verify_align(
            workload, settings, engine=engine, feature_bytes=feature_bytes, note=note
        )
    else:
        work = measure_align(
            workload,
            settings,
            passes=passes,
            engine=engine,
            feature_bytes=feature_bytes,
            note=note,
        )
    report = run_with_children(work)
    print_report(report, print_verify if verify else print_align, json=json)
    if not report["flawless"]:
        raise WorkFailed(
            f"expected every window exact and no other one published, got {report['exact_pct']} % "
            "exact; the report says what came"
        )


@bench.command("latency", epilog=example("sensorium bench latency --seconds 20"))
def latency(
    rate: Annotated[
        float | None, typer.Option(min=21, help="Samples per second. Default: see --rate-of-max.")
    ] = None,
    rate_of_max: Annotated[
        float,
        typer.Option(min=0.01, max=1.0, help="Share of the rate of a short align run."),
    ] = 0.5,
    seconds: Annotated[int, typer.Option(min=2, max=600, help="After a warm-up of 3 s.")] = 20,
    partitions: PartitionsOption = 4,
    seed: SeedOption = 7,
    feature_bytes: FeatureOption = FEATURE_BYTES,
    config: ConfigOption = None,
    json: ReportOption = False,
) -> None:
    """Measure latency at a steady rate. From the completing sample to the subscriber.

    p50, p99 and the longest time from the moment at which the broker has the sample that completes
    a window to that at which a subscriber in another process has the window's result.
    """
    from workers.bench.latency import find_rate, measure_latency
    from workers.bench.tables import print_latency

    settings, note = read_settings(config), progress()

    async def run() -> dict[str, Any]:
        wanted = rate or await find_rate(
            settings, rate_of_max, partitions=partitions, seed=seed,
            feature_bytes=feature_bytes, note=note,
        )  # fmt: skip
        return await measure_latency(
            settings,
            rate=wanted,
            seconds=seconds,
            partitions=partitions,
            seed=seed,
            feature_bytes=feature_bytes,
            note=note,
        )

    print_report(run_with_children(run()), print_latency, json=json)


@bench.command("soak", epilog=example("sensorium bench soak --minutes 30"))
def soak(
    minutes: Annotated[float, typer.Option(min=0.1, max=10_000, help="How long to feed.")] = 30.0,
    rate: Annotated[int, typer.Option(min=21, help="Samples per second, about.")] = 2_000,
    partitions: PartitionsOption = 4,
    seed: SeedOption = 7,
    config: ConfigOption = None,
    json: ReportOption = False,
) -> None:
    """Let sessions come and go. Memory of worker and Redis over time, and what is left at the end.

    Each session lives for half a minute. Fails where a key of a session is left after all have
    ended and timed out, or a window is not exact.
    """
    from workers.bench.soak import measure_soak
    from workers.bench.tables import print_soak

    report = run_with_children(
        measure_soak(
            read_settings(config),
            minutes=minutes,
            rate=rate,
            partitions=partitions,
            seed=seed,
            note=progress(),
        )
    )
    print_report(report, print_soak, json=json)
    if report["sessions_left"] or not report["flawless"]:
        raise WorkFailed(
            "expected no key of an ended session and every window exact, got keys of "
            f"{len(report['sessions_left'])} sessions and {report['exact_pct']} % exact"
        )


bench.command("inference", epilog=INFERENCE_EXAMPLE)(inference)
bench.command("precision", epilog=PRECISION_EXAMPLE)(precision)
bench.command("vehicle", epilog=VEHICLE_EXAMPLE)(vehicle)


def trouble(late: str, silent: str | None, fast: int, offset: str) -> Trouble:
    """What was asked for to make the recording harder. Raises ``WrongUsage``."""
    from schemas.units import parse_duration, parse_signed_duration
    from workers.bench.workload import RATES_HZ, Trouble

    if silent is not None and silent not in RATES_HZ:
        raise WrongUsage(
            f"--silent-from-middle: expected one of {', '.join(RATES_HZ)}, got {silent!r}"
        )
    return Trouble(
        transcripts_late_ms=_milliseconds("--transcripts-late", late, parse_duration),
        silent_from_middle=silent,
        fast_session=fast,
        clock_offset_ms=_milliseconds("--clock-offset", offset, parse_signed_duration),
    )


def _milliseconds(option: str, text: str, parse: Callable[[object], timedelta]) -> int:
    from schemas.units import to_us

    try:
        return to_us(parse(text)) // 1_000
    except ValueError as error:
        raise WrongUsage(f"{option}: {error}, got {text!r}") from None
