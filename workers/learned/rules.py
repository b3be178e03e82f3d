"""Tasks of a learned model that a published rule answers, from the features of one input."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from schemas.result import Score
from workers.clinical.news2 import HIGHEST, MISSING, PARAMETERS, RISKS, Scale, assess
from workers.learned.encoders.base import InputEncoder
from workers.learned.encoders.news2 import EarlyWarningEncoder, newest_of


class EarlyWarning:
    """NEWS2 of the newest value of each parameter in a window: its clinical risk as a task, the
    aggregate and what is missing as a score.
    """

    labels = RISKS

    def __init__(self, scale: Scale) -> None:
        self._scale: Scale = scale

    def answer(self, features: NDArray[np.float32]) -> tuple[dict[str, float], Score] | None:
        """Probabilities, 1 for the risk, and the score, of features (n, width) in order of time;
        ``None`` where nothing was measured: a low risk would be a guess.
        """
        found = assess(newest_of(features), self._scale)
        if not found.measured:
            return None
        risk = RISKS[int(found.risk)]
        points = dict(zip(PARAMETERS, found.points.tolist(), strict=True))
        return (
            {label: float(label == risk) for label in RISKS},
            Score(
                float(found.total),
                float(HIGHEST),
                {name: float(each) for name, each in points.items() if each != MISSING},
                [name for name, each in points.items() if each == MISSING],
            ),
        )


def rule_of(encoder: InputEncoder) -> EarlyWarning:
    """The rule that goes with an encoder; ``ModelPlan`` has checked that there is one."""
    assert isinstance(encoder, EarlyWarningEncoder)
    return EarlyWarning(encoder.spo2_scale)
