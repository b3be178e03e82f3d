"""`sensorium bench`: rate, latency and memory, against a bare loop where there is one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from workers.cli.children import run_with_children
from workers.cli.failures import WorkFailed, WrongUsage
from workers.cli.options import ConfigOption, example, read_settings
from workers.cli.output import is_terminal, print_json

if TYPE_CHECKING:
    from schemas.pipeline import Pipeline
    from workers.bench.workload import Trouble

bench = typer.Typer()
EXAMPLE = example("sensorium bench align", "sensorium bench latency --rate 5000 --json")

#: Sizes where none are given; ``--verify`` plays eleven recordings.
_SESSIONS, _SECONDS = 200, 60
_VERIFY_SESSIONS, _VERIFY_SECONDS = 40, 20

PartitionsOption = Annotated[int, typer.Option(min=1, max=64, help="Partitions of each topic.")]
SeedOption = Annotated[int, typer.Option(min=0, help="The same seed gives the same recording.")]
FeatureOption = Annotated[
    int | None,
    typer.Option(
        min=8, metavar="BYTES", help="Keep so much of a payload as its feature. Default: all."
    ),
]
ReportOption = Annotated[
    bool, typer.Option("--json", help="Only the report on standard output, as one object.")
]


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
            metavar="DURATION", help="Audio's clock is so far ahead; the pipeline corrects it."
        ),
    ] = "0s",
    feature_bytes: FeatureOption = None,
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
        trouble=_trouble(transcripts_late, silent_from_middle, fast_session, clock_offset),
    )
    note = _progress()
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
    _print(report, print_verify if verify else print_align, json=json)
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
    feature_bytes: FeatureOption = None,
    config: ConfigOption = None,
    json: ReportOption = False,
) -> None:
    """Measure latency at a steady rate. From the completing sample to the subscriber.

    p50, p99 and the longest time from the moment at which the broker has the sample that completes
    a window to that at which a subscriber in another process has the window's result.
    """
    from workers.bench.latency import find_rate, measure_latency
    from workers.bench.tables import print_latency

    settings, note = read_settings(config), _progress()

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

    _print(run_with_children(run()), print_latency, json=json)


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
            note=_progress(),
        )
    )
    _print(report, print_soak, json=json)
    if report["sessions_left"] or not report["flawless"]:
        raise WorkFailed(
            "expected no key of an ended session and every window exact, got keys of "
            f"{len(report['sessions_left'])} sessions and {report['exact_pct']} % exact"
        )


PipelineName = Annotated[
    str, typer.Option("--pipeline", "-p", metavar="NAME|FILE", help="One that has a scene.")
]
SceneSessions = Annotated[int, typer.Option(min=1, max=1_000, help="Sessions at the same time.")]
SceneSeconds = Annotated[float, typer.Option(min=2, help="Length of a session, event time.")]


@bench.command("inference", epilog=example("sensorium bench inference --passes 3 --json"))
def inference(
    pipeline: PipelineName = "call",
    sessions: SceneSessions = 64,
    seconds: SceneSeconds = 12,
    max_batch: Annotated[
        int | None, typer.Option(min=1, max=4096, help="Default: the pipeline file's.")
    ] = None,
    seed: SeedOption = 7,
    passes: Annotated[int, typer.Option(min=1, max=100, help="Medians are reported.")] = 1,
    config: ConfigOption = None,
    json: ReportOption = False,
) -> None:
    """Compute a simulated scene. The whole worker, beside a bare loop over the same model.

    A backlog of the scene is worked off by a worker (broker, decode, align, fuse, publish), and
    computed in one loop with the same codecs, model and batches and without a broker; then behind
    the worker's micro-batchers, in full batches and in batches of one. Fails where a window is
    missing.
    """
    from workers.bench.inference import measure_inference
    from workers.bench.load import SceneLoad
    from workers.bench.tables import print_inference

    spec = _scene_pipeline(pipeline, max_batch=max_batch)
    report = run_with_children(
        measure_inference(
            spec,
            SceneLoad(sessions, seconds, seed),
            read_settings(config),
            passes=passes,
            note=_progress(),
        )
    )
    _print(report, print_inference, json=json)
    if not report["complete"]:
        raise WorkFailed(
            f"expected {report['windows']} windows from the worker, got "
            f"{min(each.worker.windows for each in report['passes'])}"
        )


@bench.command("precision", epilog=example("sensorium bench precision --precision bfloat16"))
def precision(
    pipeline: PipelineName = "call",
    sessions: SceneSessions = 16,
    seconds: SceneSeconds = 12,
    precision: Annotated[
        Literal["bfloat16", "float16"], typer.Option(help="To compare with float32.")
    ] = "bfloat16",
    seed: SeedOption = 7,
    config: ConfigOption = None,
    json: ReportOption = False,
) -> None:
    """Compare precisions. What a shorter one changes in labels and probabilities."""
    from workers.bench.inference import measure_precision
    from workers.bench.load import SceneLoad
    from workers.bench.tables import print_precision

    spec = _scene_pipeline(pipeline, precision=precision)
    load = SceneLoad(sessions, seconds, seed)
    loss = run_with_children(measure_precision(spec, load, read_settings(config)))
    (print_json if json else print_precision)(loss)


def _scene_pipeline(name: str, **model: object) -> Pipeline:
    from schemas.pipeline_file import load_pipeline
    from streams.scenes.catalog import SCENES

    spec = load_pipeline(name)
    if spec.pipeline not in SCENES:
        raise WrongUsage(
            f"--pipeline: expected one that has a scene ({', '.join(SCENES)}), got "
            f"{spec.pipeline!r}"
        )
    given = {key: value for key, value in model.items() if value is not None}
    return spec.model_copy(update={"model": spec.model.model_copy(update=given)})


def _trouble(late: str, silent: str | None, fast: int, offset: str) -> Trouble:
    from workers.bench.workload import RATES_HZ, Trouble

    if silent is not None and silent not in RATES_HZ:
        raise WrongUsage(
            f"--silent-from-middle: expected one of {', '.join(RATES_HZ)}, got {silent!r}"
        )
    return Trouble(
        transcripts_late_ms=_milliseconds("--transcripts-late", late),
        silent_from_middle=silent,
        fast_session=fast,
        clock_offset_ms=_milliseconds("--clock-offset", offset),
    )


def _milliseconds(option: str, text: str) -> int:
    from schemas.units import parse_duration, to_us

    try:
        return to_us(parse_duration(text)) // 1_000
    except ValueError as error:
        raise WrongUsage(f"{option}: {error}, got {text!r}") from None


def _progress() -> Callable[[str], None]:
    """Says on a terminal what is being done; standard output is the report's alone."""

    def note(text: str) -> None:
        if is_terminal(sys.stderr):
            print(f"  {text} …", file=sys.stderr, flush=True)  # noqa: T201

    return note


def _print(report: dict[str, Any], as_table: Callable[[Any], None], *, json: bool) -> None:
    (print_json if json else as_table)(report)
