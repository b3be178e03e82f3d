"""Pipeline files: the shipped ones load, and every mistake is one line that says where."""

from __future__ import annotations

from datetime import timedelta

import pytest

from schemas.errors import PipelineFileError
from schemas.inputs import Nearest
from schemas.pipeline_file import load_pipeline, parse_pipeline, shipped_pipelines

SMALL = """\
pipeline: small
inputs:
  camera:
    modality: video
    lateness: 300ms
window:
  size: 2s
model:
  name: small
events:
  - {name: alarm, task: t, label: loud}
"""


@pytest.mark.parametrize(
    "name", ["call", "call-real", "diagnosis", "diagnosis-real", "drive", "vehicle"]
)
def test_a_shipped_pipeline_loads_by_its_name(name: str) -> None:
    assert load_pipeline(name).pipeline == name


def test_nothing_else_is_shipped() -> None:
    assert sorted(shipped_pipelines()) == [
        "call",
        "call-real",
        "diagnosis",
        "diagnosis-real",
        "drive",
        "vehicle",
    ]


def test_what_a_file_leaves_out_has_a_default() -> None:
    spec = parse_pipeline(SMALL, "small.yaml").inputs["camera"]
    assert (spec.matcher.kind, spec.expected, spec.idle_after) == (
        "collect",
        True,
        timedelta(seconds=2),
    )


def test_a_nearest_matcher_is_read_with_its_tolerance() -> None:
    text = SMALL.replace(
        "    lateness: 300ms", "    matcher: {kind: nearest, tolerance: 50ms, reference: end}"
    )
    assert parse_pipeline(text, "x").inputs["camera"].matcher == Nearest(
        tolerance=timedelta(milliseconds=50), reference="end"
    )


MISTAKES = {
    "unknown key": ("lateness: 300ms", "latenes: 300ms", 5, ("latenes", "unknown", "'lateness'")),
    "unknown top key": ("window:", "windows:", 6, ("windows", "unknown key", "'window'")),
    "bad duration": ("size: 2s", "size: two", 7, ("window.size", "duration", "'two'")),
    "zero window": ("size: 2s", "size: 0s", 7, ("window.size", "1ms")),
    "bad modality": ("modality: video", "modality: smell", 4, ("'video'", "got 'smell'")),
    "bad input name": ("  camera:", "  Camera 1:", 3, ("inputs.Camera 1", "got 'Camera 1'")),
    "reserved input": ("  camera:", "  results:", 3, ("inputs.results", "output topic")),
    "missing model": ("model:\n  name: small\n", "", 1, ("model", "got none")),
    "bad hysteresis": (
        "label: loud",
        "label: loud, open_at: 0.3, close_at: 0.6",
        11,
        ("close_at", "0.3", "0.6"),
    ),
    "probability above one": ("label: loud", "label: loud, open_at: 7", 11, ("open_at", "got 7")),
    "key given twice": ("window:", "pipeline: b\nwindow:", 6, ("pipeline", "twice")),
    "not YAML": ("pipeline: small", "pipeline: [small", 2, ("expected YAML",)),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_with_file_line_key_and_remedy(mistake: str) -> None:
    old, new, line, words = MISTAKES[mistake]
    assert old in SMALL
    with pytest.raises(PipelineFileError) as caught:
        parse_pipeline(SMALL.replace(old, new), "my.yaml")
    message = str(caught.value)
    assert message.startswith(f"my.yaml:{line}: ")
    assert "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize("literal", ["999999999999999d", "40000d"])
def test_a_duration_beyond_a_century_is_refused(literal: str) -> None:
    with pytest.raises(PipelineFileError, match=r"window\.size: expected a duration of at most"):
        parse_pipeline(SMALL.replace("size: 2s", f"size: {literal}"), "x.yaml")


def test_an_alias_that_holds_itself_is_one_line() -> None:
    with pytest.raises(PipelineFileError, match="without aliases"):
        parse_pipeline(SMALL + "description: &a [*a]\n", "x.yaml")


def test_a_sensor_belongs_to_one_input() -> None:
    text = SMALL.replace(
        "    lateness: 300ms",
        "    sensors: [eye]\n  other:\n    modality: audio\n    sensors: [eye]",
    )
    with pytest.raises(PipelineFileError, match="'eye' is already a sensor of input 'camera'"):
        parse_pipeline(text, "x")


def test_an_unknown_pipeline_names_the_shipped_ones() -> None:
    with pytest.raises(PipelineFileError, match="expected one of call, call-real, diag"):
        load_pipeline("cal")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(PipelineFileError, match=r"nowhere/x\.yaml: cannot be read"):
        load_pipeline("nowhere/x.yaml")


def test_an_empty_file_says_what_it_should_hold() -> None:
    with pytest.raises(PipelineFileError, match="expected keys such as 'pipeline:'"):
        parse_pipeline("", "x.yaml")
