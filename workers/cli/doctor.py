"""`sensorium doctor`: is everything there, and what to do where it is not."""

from __future__ import annotations

import sys

import typer

from workers.cli.failures import FAILED
from workers.cli.options import ConfigOption, JsonOption, PipelinesOption, example, mute_clients
from workers.cli.output import print_json, print_text

EXAMPLE = example("sensorium doctor --pipeline call")

_MARKS = {"ok": ("ok", "green"), "warning": ("warning", "yellow"), "problem": ("PROBLEM", "red")}


def doctor(
    pipeline: PipelinesOption = None, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Check everything a worker needs. Broker, Redis, device, models, topics, configuration,
    packages; says what to do about each finding, and fails where there is a problem.
    """
    from workers.doctor.examine import examine
    from workers.doctor.finding import has_problem

    mute_clients()
    findings = []
    for finding in examine(config, pipeline or []):
        findings.append(finding)
        if json:
            print_json(finding)
            continue
        mark, colour = _MARKS[finding.level]
        word = f"{mark:8}"
        if sys.stdout.isatty():
            word = typer.style(word, fg=colour)
        print_text(f"{word} {finding.check}: {finding.message}")
        if finding.remedy:
            print_text(f"{'':8} → {finding.remedy}")
    if has_problem(findings):
        raise typer.Exit(FAILED)
