"""From what a monitor sends to the parameters of NEWS2."""

from __future__ import annotations

import json

import numpy as np
import pytest

from schemas.sample import Modality, Sample
from streams.compute import BadSample
from workers.clinical.news2 import PARAMETERS
from workers.clinical.vitals import parameters_of
from workers.errors import TrainError
from workers.learned.encoders.news2 import (
    EarlyWarningEncoder,
    EarlyWarningOptions,
    newest_of,
    values_of,
)
from workers.learned.rules import EarlyWarning


def found(**channels: list[float | None]) -> dict[str, float]:
    values = parameters_of(channels)
    return {name: float(v) for name, v in zip(PARAMETERS, values, strict=True) if not np.isnan(v)}


def sample(payload: bytes) -> Sample:
    return Sample(
        session="p", sensor="monitor", input="vitals", modality=Modality.SERIES, start_us=0,
        end_us=0, content_type="application/json", payload=payload, topic="t", partition=0,
        offset=0,
    )  # fmt: skip


def encoder(scale: int = 1) -> EarlyWarningEncoder:
    options = EarlyWarningOptions.model_validate({"kind": "news2", "spo2_scale": scale})
    return EarlyWarningEncoder(options, Modality.SERIES)


def feature(values: dict[str, float | None], scale: int = 1) -> np.ndarray:
    one = encoder(scale)
    decoded = one.decode(sample(json.dumps(values).encode()))
    assert not isinstance(decoded, BadSample)
    return one.from_wire([one.to_wire(decoded)])


def test_other_spellings_of_a_channel_are_known() -> None:
    assert found(**{"Heart-Rate": [80.0], "RR": [14.0], "SpO2": [97.0]}) == {
        "pulse": 80.0, "respiration": 14.0, "spo2": 97.0,
    }  # fmt: skip
    assert found(**{"Respiratory Rate": [14.0], "Systolic": [120.0]}) == {
        "respiration": 14.0, "systolic": 120.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "parameter"),
    [
        *[(name, 118.0, "systolic") for name in (
            "NIBP_Sys", "nibp systolic", "NBPs", "NIBP_SBP", "ART Sys", "sys_bp", "Systolic BP",
        )],
        ("ACVPU", 1.0, "consciousness"),
        *[(name, 1.0, "oxygen") for name in ("on_oxygen", "Supplemental O2", "O2 therapy")],
        ("resprate", 14.0, "respiration"),
        ("Oxygen Saturation", 97.0, "spo2"),
        ("heartrate", 80.0, "pulse"),
        ("Body Temperature", 37.0, "temperature"),
    ],
)  # fmt: skip
def test_names_of_monitors_and_exports_tell_a_parameter(
    name: str, value: float, parameter: str
) -> None:
    assert found(**{name: [value]}) == {parameter: value}


@pytest.mark.parametrize("name", ["fio2", "o2", "o2_flow", "gcs", "avpu", "pr", "bps", "temp_f"])
def test_a_name_whose_values_mean_something_else_tells_no_parameter(name: str) -> None:
    assert found(**{name: [1.0]}) == {}


def test_of_two_spellings_the_one_without_a_value_hides_nothing() -> None:
    assert found(hr=[80.0], heart_rate=[None]) == {"pulse": 80.0}
    assert found(sbp=[90.0], abp_sys=[118.0]) == {"systolic": 118.0}


def test_the_arterial_line_comes_before_the_cuff() -> None:
    assert found(abp_sys=[118.0], nbp_sys=[90.0]) == {"systolic": 118.0}
    assert found(abp_sys=[None], nbp_sys=[90.0]) == {"systolic": 90.0}


def test_the_newest_value_of_a_channel_counts() -> None:
    assert found(hr=[80.0, 95.0, None]) == {"pulse": 95.0}


def test_a_monitor_without_a_signal_says_0_which_is_missing() -> None:
    assert found(hr=[0.0], spo2=[0.0], resp=[0.0], oxygen=[0.0], consciousness=[0.0]) == {
        "oxygen": 0.0, "consciousness": 0.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("channel", "value"),
    [
        ("temp", 98.6),  # °F
        ("temp", 310.0),  # kelvins
        ("spo2", 0.97),  # a share
        ("spo2", 130.0),
        ("nbp_sys", 16.0),  # kPa
        ("hr", 1.2),  # Hz
        ("hr", 1e308),
        ("resp", 400.0),
        ("consciousness", 15.0),  # Glasgow Coma Scale, where it is fully awake
        ("oxygen", -1.0),
    ],
)
def test_what_no_patient_has_is_not_measured(channel: str, value: float) -> None:
    assert found(**{channel: [value]}) == {}


@pytest.mark.parametrize(
    ("channel", "value"),
    [("temp", 30.0), ("spo2", 60.0), ("nbp_sys", 50.0), ("hr", 20.0), ("hr", 220.0), ("resp", 4.0)],
)
def test_what_a_dying_patient_has_is_measured(channel: str, value: float) -> None:
    assert list(found(**{channel: [value]}).values()) == [value]


def test_a_wild_value_leaves_the_others_of_its_reading() -> None:
    said = EarlyWarning(1).answer(feature({"hr": 1e308, "resp": 26.0}))
    assert said is not None
    assert said[1].parts == {"respiration": 3.0}
    assert "pulse" in said[1].missing


@pytest.mark.parametrize("value", [35.0, 35.1, 36.05, 38.1, 39.1, 40.0, 42.3])
def test_a_value_goes_through_a_feature_unchanged(value: float) -> None:
    values = values_of(feature({"temp": value}))
    assert values[0, PARAMETERS.index("temperature")] == np.float32(value)


def test_the_newest_of_a_window_is_taken_parameter_by_parameter() -> None:
    features = np.concatenate(
        [feature({"hr": 80.0, "temp": 38.5}), feature({"hr": 120.0, "temp": None})]
    )
    newest = dict(zip(PARAMETERS, newest_of(features).tolist(), strict=True))
    assert (newest["pulse"], newest["temperature"]) == (120.0, 38.5)


def test_a_window_is_scored_with_what_is_missing() -> None:
    features = feature({"resp": 26.0, "spo2": 91.0, "abp_sys": 100.0, "hr": 70.0})
    said = EarlyWarning(1).answer(features)
    assert said is not None
    probabilities, score = said
    assert probabilities == {"low": 0.0, "low-medium": 0.0, "medium": 0.0, "high": 1.0}
    assert (score.value, score.highest) == (8.0, 20.0)
    assert score.parts == {"respiration": 3.0, "spo2": 3.0, "systolic": 2.0, "pulse": 0.0}
    assert score.missing == ["oxygen", "consciousness", "temperature"]


def test_oxygen_from_another_sample_of_the_window_decides_on_scale_2() -> None:
    features = np.concatenate([feature({"oxygen": 1.0}, 2), feature({"spo2": 97.0}, 2)])
    said = EarlyWarning(2).answer(features)
    assert said is not None
    assert said[1].parts == {"spo2": 3.0, "oxygen": 2.0}


def test_a_window_in_which_nothing_was_measured_has_no_score() -> None:
    assert EarlyWarning(1).answer(feature({"hr": None, "spo2": 0.0})) is None
    assert EarlyWarning(1).answer(np.zeros((0, 22), np.float32)) is None


def test_points_and_total_are_features_to_learn_from() -> None:
    row = feature({"hr": 135.0, "resp": 22.0})[0]
    points = row[14:21] * 3
    assert points[PARAMETERS.index("pulse")] == pytest.approx(3.0)
    assert points[PARAMETERS.index("respiration")] == pytest.approx(2.0)
    assert row[21] == pytest.approx(5.0 / 20.0)


def test_what_is_no_series_is_refused() -> None:
    with pytest.raises(TrainError, match="expected series"):
        EarlyWarningEncoder(EarlyWarningOptions(), Modality.TEXT)
    bad = encoder().decode(sample(b"[1, 2]"))
    assert isinstance(bad, BadSample)
    assert bad.reason == "bad_json"
