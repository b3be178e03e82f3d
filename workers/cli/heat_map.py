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

    Raises ``ModelError``, ``DeviceError``, ``InsightError``, ``BrokerUnreachable``, ``OSError``.
    """
    from workers.insight.on_request import inquire_on_request, save

    model = _open(pipeline, settings)
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


def _open(pipeline: Pipeline, settings: Settings) -> Model:
    from workers.backends.reference import ReferenceModel

    worker = settings.worker
    return ReferenceModel.load(pipeline, device=worker.device, threads=worker.threads or None)
