"""The model card: what a person should know before using the weights, from the run itself."""

from __future__ import annotations

from collections.abc import Mapping

from workers.model_file import Manifest


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _metric_rows(metrics: Mapping[str, float], tasks: Mapping[str, list[str]]) -> str:
    header = "| held-out windows | all tasks right | " + " | ".join(tasks) + " |"
    rows = [header, "|---" * (2 + len(tasks)) + "|"]
    groups = ["all", *sorted({key.split("/")[0] for key in metrics} - {"all"})]
    for group in groups:
        cells = [metrics.get(f"{group}/{name}") for name in ("windows", *tasks)]
        shown = " | ".join("–" if cell is None else _percent(cell) for cell in cells)
        name = "everything present" if group == "all" else group.replace("_", " ")
        rows.append(f"| {name} | {shown} |")
    return "\n".join(rows)


def render_card(manifest: Manifest, parameters: int) -> str:
    """The card in Markdown. ``parameters``: weights of encoders and fusion together."""
    training = manifest.training
    inputs = "\n".join(
        f"| {form.modality} | {form.shape} {form.dtype} | {form.rate or '–'} | {form.source} |"
        for form in manifest.inputs
    )
    tasks = "\n".join(f"- **{task}**: {', '.join(ls)}" for task, ls in manifest.tasks.items())
    settings = "\n".join(f"- {k}: {v}" for k, v in training.hyper_parameters.items())
    return f"""# {manifest.name} {manifest.version}

Fusion model of the `{manifest.pipeline}` pipeline: an encoder per modality and
{manifest.fusion} fusion over an aligned window, {parameters:,} parameters.
Weights: {training.weights_licence}, sha256 `{manifest.sha256}`.

## Limits
- Trained on simulated scenes only. The figures below say how well it knows these scenes, not how
  well it would do on recordings of the real world, on which it has not been measured.
- Not for medical use, not for driving, and not for decisions about people.
- Probabilities are not calibrated.

## Answers
{tasks}

## Inputs
A length of 0 varies by sample. Any of them may be absent.

| modality | form | rate | from |
|---|---|---|---|
{inputs}

## Accuracy
Share of labelled windows answered right, on sessions of a seed used neither for training nor for
choosing the weights. "without" rows leave a whole modality out; what only that modality could
tell, such as an intent without words, is then a guess.

{_metric_rows(manifest.metrics, manifest.tasks)}

## Training
- Data: {training.data} ({training.data_licence}).
- Command: `{training.command}`
- Seed: {training.seed}
{settings}
"""
