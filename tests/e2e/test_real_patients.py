"""Real X-rays and vital signs through a real worker: the offline answers and the right NEWS2."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import wfdb

from schemas.pipeline_file import load_pipeline
from schemas.result import DECIMALS, Result, task_result
from schemas.units import US_PER_S, iso_to_us
from streams.feed.item import FeedItem
from streams.feed.player import play
from streams.feed.vitals import channel_name, series_payload
from streams.kafka_client import client_kwargs
from tests.e2e.harness import site
from workers.datasets import pneumoniamnist
from workers.datasets.windows import label_windows
from workers.learned.file import load_learned
from workers.learned.model import LearnedModel
from workers.registry.layout import SHIPPED
from workers.train.diagnosis_real import x_rays
from workers.train.predict import predict

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(300)]

MINUTE_US = 60 * US_PER_S
#: A multiple of five minutes.
START_US = iso_to_us("2026-03-01T12:00:00Z")
PATIENTS, MINUTES, WINDOW = 8, 12, 5
NAME = "diagnosis-real"


def offline(data: Any) -> dict[str, dict[str, float]]:
    """Session -> the published form of the model's own answer to its X-ray."""
    loaded = load_learned(SHIPPED / NAME)
    whole = load_pipeline(NAME)
    pipeline = whole.model_copy(update={"inputs": {"imaging": whole.inputs["imaging"]}})
    windows = label_windows(data, pipeline)
    model = LearnedModel(
        loaded.network, loaded.manifest.ref, loaded.manifest.inputs, torch.device("cpu")
    )
    found = predict(model, windows).probabilities["pneumonia"]
    labels = model.tasks["pneumonia"]
    return {
        one.session: task_result(dict(zip(labels, row.tolist(), strict=True))).probabilities
        for one, row in zip(windows.windows, found, strict=True)
    }


def points(name: str, value: float) -> int:
    """NEWS2 by the chart's prose (Royal College of Physicians 2017), whole numbers only."""
    if name == "respiration":
        return 3 if value <= 8 or value >= 25 else 1 if value <= 11 else 2 if value >= 21 else 0
    if name == "spo2":
        return 3 if value <= 91 else 2 if value <= 93 else 1 if value <= 95 else 0
    if name == "systolic":
        return 3 if value <= 90 or value >= 220 else 2 if value <= 100 else 1 if value <= 110 else 0
    if value <= 40 or value >= 131:
        return 3
    return 2 if value >= 111 else 1 if value <= 50 or value >= 91 else 0


def expected_parts(rows: list[dict[str, float | None]]) -> dict[str, int]:
    """Of the newest value of each parameter in some minutes of a monitor."""
    channels = {
        "respiration": ["resp"],
        "spo2": ["spo2"],
        "systolic": ["abp_sys", "nbp_sys"],
        "pulse": ["hr", "pulse"],
    }
    found: dict[str, int] = {}
    for row in rows:
        for name, listed in channels.items():
            values = [row[channel] for channel in listed if row.get(channel)]
            if values and values[0] is not None:
                found[name] = points(name, math.floor(values[0] + 0.5))
    return found


async def test_x_rays_and_vital_signs_in_the_stream(tmp_path: Path, shared_data: Path) -> None:
    clinical = shared_data / "clinical"
    data = x_rays(pneumoniamnist.load(clinical / "pneumoniamnist"))
    chosen = [f"test-{row:05d}" for row in range(0, 624, 624 // PATIENTS)][:PATIENTS]
    pictures = {item.session: item for item in data.items() if item.session in chosen}
    few = replace(
        data,
        items=lambda: iter([pictures[name] for name in chosen]),
        labels=[label for label in data.labels if label.session in pictures],
    )
    record = wfdb.rdrecord(str(clinical / "icu_vitals" / "s00001-2896-10-10-00-31n"))
    names = [channel_name(name) for name in record.sig_name]
    readings = [
        {n: None if math.isnan(v) else float(v) for n, v in zip(names, row, strict=True)}
        for row in record.p_signal.tolist()
    ]
    stay = {name: readings[150 * at : 150 * at + MINUTES] for at, name in enumerate(chosen)}

    items = [
        replace(pictures[n], start_us=START_US, end_us=START_US, due_us=START_US) for n in chosen
    ]
    for name in chosen:
        for minute, row in enumerate(stay[name]):
            at = START_US + minute * MINUTE_US
            payload = series_payload(row)
            items.append(
                FeedItem(name, "vitals", "monitor", at, at, "application/json", payload, minute, at)
            )
    items.sort(key=lambda item: item.due_us)

    per_patient = MINUTES + WINDOW - 1
    with site(load_pipeline(NAME), tmp_path) as here:
        await here.start_worker().ready()
        kafka = client_kwargs(here.settings.kafka)
        await play(items, kafka=kafka, pipeline=here.pipeline, speed=None, end_sessions=True)
        results = await here.results(PATIENTS * per_patient, timeout_s=120)

    answers = offline(few)
    seen: dict[str, int] = dict.fromkeys(chosen, 0)
    for result in results:
        seen[result.session] += 1
        check(result, answers[result.session], stay[result.session])
    assert seen == dict.fromkeys(chosen, per_patient)


def check(result: Result, x_ray: dict[str, float], stay: list[dict[str, float | None]]) -> None:
    end = (iso_to_us(result.window.end) - START_US) // MINUTE_US
    parts = expected_parts(stay[max(0, end - WINDOW) : end])
    assert result.tasks["pneumonia"].probabilities == pytest.approx(
        x_ray, abs=1.01 * 10.0**-DECIMALS
    )
    assert "note_section" not in result.tasks
    if not parts:
        assert "early_warning" not in result.tasks
        return
    assert isinstance(result.scores, dict)
    score = result.scores["early_warning"]
    assert {name: int(each) for name, each in score.parts.items()} == parts
    assert score.value == sum(parts.values())
    total = sum(parts.values())
    risk = "high" if total >= 7 else "medium" if total >= 5 else "low"
    if risk == "low" and 3 in parts.values():
        risk = "low-medium"
    assert result.tasks["early_warning"].label == risk
    assert set(score.missing) == {
        "respiration", "spo2", "oxygen", "systolic", "pulse", "consciousness", "temperature",
    } - set(parts)  # fmt: skip
