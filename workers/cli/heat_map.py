"""The part of `sensorium explain` that asks the model: what an answer rests on, and where."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workers.cli.output import is_terminal

if TYPE_CHECKING:
    from schemas.pipeline import Pipeline
    from schemas.result import ModelRef
    from schemas.settings import Settings
    from workers.backends.base import Model
    from workers.explain.model import Explanation
    from workers.explain.reader import OnProgress
    from workers.insight.inquiry import Inquiry


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user wants to know of an answer; the defaults are in ``insight.inquiry``."""

    task: str | None
    label: str | None
    folder: Path


def ask(
    asked: Asked,
    pipeline: Pipeline,
    explanation: Explanation,
    settings: Settings,
    on_progress: OnProgress | None,
) -> Inquiry:
    """Load the pipeline's model, ask it, and save what it says. Blocks for seconds.

    Raises ``InsightError``, ``BrokerUnreachable``, ``OSError``, and what opening and asking the
    model raises.
    """
    from workers.insight.on_request import inquire_on_request, save

    model = _open(pipeline, explanation.model, settings)
    try:
        inquiry = asyncio.run(
            inquire_on_request(
                model,
                pipeline,
                explanation.session,
                explanation.window.start_us,
                settings.kafka,
                partition=explanation.partition,
                task=asked.task,
                label=asked.label,
                on_progress=on_progress,
            )
        )
    finally:
        model.close()
    save(inquiry, asked.folder)
    return inquiry


def show(inquiry: Inquiry, folder: Path) -> None:
    """Print it: in colour on a terminal, in shades elsewhere."""
    from rich.console import Console

    from workers.explain.drawing import COLUMNS
    from workers.insight.terminal import draw

    colour = is_terminal(sys.stdout)
    console = Console(file=sys.stdout, width=COLUMNS, highlight=False, markup=False)
    console.print(draw(inquiry, colour=colour))
    console.print(f"saved {len(inquiry.pictures)} PNG and {inquiry.stem}.json in {folder}")


def _open(pipeline: Pipeline, made_by: ModelRef, settings: Settings) -> Model:
    """The version that made the result where the registry has it, else the one that serves now."""
    from workers.inference.loading import open_served
    from workers.registry.choice import is_local
    from workers.registry.store import Registry

    spec = pipeline.model
    if is_local(spec) and spec.name == made_by.name:
        known = Registry(settings.worker.models).versions(spec.name)
        if made_by.version in known:
            spec = spec.model_copy(update={"version": made_by.version})
    return open_served(pipeline.model_copy(update={"model": spec}), settings.worker)
