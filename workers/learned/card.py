"""The card of a learned model: what a person should know before using the weights."""

from __future__ import annotations

from collections.abc import Mapping

from workers.learned.file import LearnedManifest, Measured
from workers.learned.network import LearnedNetwork
from workers.learned.rules import rule_of


def _figure(one: Measured) -> str:
    shown = f"{one.value:.4f}"
    return shown if one.runs == 1 else f"{shown} ± {one.deviation:.4f} ({one.runs} runs)"


def _metrics(metrics: Mapping[str, Mapping[str, Measured]]) -> str:
    if not any(metrics.values()):
        return "Not measured."
    rows = ["| split | what | figure |", "|---|---|---|"]
    for split, figures in metrics.items():
        rows += [f"| {split} | {what} | {_figure(one)} |" for what, one in figures.items()]
    return "\n".join(rows)


def _listed(sentences: list[str], otherwise: str) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences or [otherwise])


def render_card(manifest: LearnedManifest, network: LearnedNetwork) -> str:
    """The card in Markdown, for a manifest whose other fields are complete."""
    training, plan = manifest.training, network.plan
    inputs = "\n".join(
        f"| {name} | {network.encoder(name).modality.value} | {plan.encoders[name].kind} "
        f"| {network.encoder(name).width} |"
        for name in plan.inputs
    )
    tasks = "\n".join(
        f"- **{task}**: {', '.join(rules.labels)}"
        + (f" (out of scope: {rules.out_of_scope.label})" if rules.out_of_scope else "")
        for task, rules in plan.tasks.items()
    )
    for task, rule in plan.rules.items():
        labels = ", ".join(rule_of(network.encoder(rule.input)).labels)
        tasks += f"\n- **{task}**: {labels} (not learned: {rule.kind} of `{rule.input}`)"
    settings = "\n".join(
        f"- {name}: {_told(value)}"
        for name, value in training.settings.items()
        if value is not None
    )
    parameters = sum(weight.numel() for weight in network.parameters())
    return f"""# {manifest.name} {manifest.version}

Learned model of the `{manifest.pipeline}` pipeline: {plan.fusion.form} fusion,
{plan.context.kind} context over {plan.context.steps} step(s), {parameters:,} learned parameters.
Weights: {training.weights_licence}.

## Intended use
{_listed(training.use, "Not stated.")}

## Limits
{_listed(training.limits, "Not stated.")}

## Answers
{tasks}

## Inputs
Any of them may be absent. A window holds the past and the present of the stream, never what comes
after it.

| input | modality | encoder | width of a feature |
|---|---|---|---|
{inputs}

## Figures
{_metrics(manifest.metrics)}

## Training
- Data: {training.data} ({training.data_licence}).
- Split: {training.split or "not stated"}.
- Command: `{training.command}`
- Seed: {training.seed}
{settings}
"""


def _told(value: object) -> str:
    """A setting without what is left open in it."""
    if not isinstance(value, dict):
        return str(value)
    return ", ".join(f"{name} {each}" for name, each in value.items() if each is not None)
