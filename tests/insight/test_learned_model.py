"""Heat over a learned model's pictures; vectors that stand for pictures have none."""

from __future__ import annotations

import numpy as np

from schemas.result import TaskResult
from schemas.sample import Modality, Sample
from tests.insight.test_inquiry import frames
from tests.learned.worlds import LABELS, VECTOR, a_model, a_plan
from tests.workers.explained import START_US, pipeline, published, result, use
from workers.insight.inquiry import Inquiry, inquire
from workers.insight.rereading import Reread


def asked(options: dict[str, object], sample: Sample) -> Inquiry:
    plan = a_plan(encoders={"camera": options})
    model = a_model(plan, {"camera": Modality.VIDEO})
    one = result(
        tasks={"mood": TaskResult("low", dict.fromkeys(LABELS, 0.5))},
        sensors={"cam": use("camera", [(0, 0)])},
    )
    return inquire(model, pipeline(), published(one), Reread({"cam": [sample]}))


def test_a_picture_is_drawn_with_the_heat_of_what_was_covered() -> None:
    options = {"kind": "image", "size": [16, 16], "widths": [4]}
    insight = asked(options, frames(1)[0]).insight
    assert insight.method is not None
    assert insight.method.name == "occlusion"
    (shown,) = insight.pictures
    assert np.asarray(shown.grid).any()


def test_a_vector_in_place_of_a_picture_is_fused_but_not_drawn() -> None:
    payload = np.ones(4, "<f4").tobytes()
    vector = Sample(
        "s-1", "cam", "camera", Modality.VIDEO, START_US, START_US, VECTOR, payload, "t", 0, 0
    )
    insight = asked({"kind": "vector", "width": 4}, vector).insight
    assert insight.pictures == ()
    assert insight.attention == {"video": 1.0}
    assert "No sample of the window has a picture" in " ".join(insight.limits)
