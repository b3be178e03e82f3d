"""`sensorium bench inference` and `bench precision`: the pipeline's own model on a scene."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from workers.cli.bench_options import ReportOption, SeedOption, print_report, progress
from workers.cli.children import run_with_children
from workers.cli.failures import WorkFailed, WrongUsage
from workers.cli.options import ConfigOption, example, read_settings
from workers.cli.output import print_json

if TYPE_CHECKING:
    from schemas.pipeline import Pipeline

INFERENCE_EXAMPLE = example("sensorium bench inference --passes 3 --json")
PRECISION_EXAMPLE = example("sensorium bench precision --precision bfloat16")

PipelineName = Annotated[
    str, typer.Option("--pipeline", "-p", metavar="NAME|FILE", help="One that has a scene.")
]
SceneSessions = Annotated[int, typer.Option(min=1, max=1_000, help="Sessions at the same time.")]
SceneSeconds = Annotated[float, typer.Option(min=2, help="Length of a session, event time.")]


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
            note=progress(),
        )
    )
    print_report(report, print_inference, json=json)
    if not report["complete"]:
        raise WorkFailed(
            f"expected {report['windows']} windows from the worker, got "
            f"{min(each.worker.windows for each in report['passes'])}"
        )


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
