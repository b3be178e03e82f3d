"""Findings about a pipeline file: in our words, at the key that the user wrote."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from schemas.errors import PipelineFileError
from schemas.pipeline import EventSpec, Pipeline
from schemas.pipeline_file import parse_pipeline
from schemas.settings import KafkaSettings
from schemas.validation import explain

#: Every section and nearly every key that a pipeline file may have.
FULL = """\
pipeline: full
description: all there is
partitions: 4
inputs:
  audio:
    modality: audio
    sensors: [mic]
    expected: true
    event_time: start
    matcher: {kind: nearest, tolerance: 50ms, reference: end, exclusive: true}
    lateness: 300ms
    idle_after: 2s
    content_type: audio/wav
    max_bytes: 4MB
    max_samples_per_window: 10
    clock: {offset: 10ms, estimate: drift, min_delay: 0ms}
    sensor_clocks: {mic: {offset: -10ms}}
    overload: wait
  camera: {modality: video, matcher: {kind: hold, max_age: 1h}}
  lidar: {modality: points}
  lists: {modality: objects}
window: {kind: sliding, size: 2s, every: 1s}
results: {early_after: 0ms, allowed_lateness: 1s, on_late: true}
clock: {max_ahead: 1d, max_behind: 10d}
model:
  name: m
  version: "1"
  max_batch: 3
  max_delay: 1ms
  precision: float32
  compile: none
  remote:
    kind: chat
    url: http://a:1/v1
    model: q
    prompt: judge
    tasks: {t: [a, b]}
    inputs: [audio]
    max_tokens: 5
    temperature: 0.5
    timeout: 2s
    retries: 1
    concurrency: 2
    api_key_env: KEY
  fallback: f
  shadow: {name: s, version: "2"}
  explain: {leave_one_out: none}
events:
  - {name: alarm, task: t, label: a, open_at: 0.7, close_at: 0.4, min_duration: 1s}
calibration: {file: c.txt, sensors: {eye: P2}}
perception:
  camera:
    kind: onnx
    file: f.onnx
    sha256: null
    layout: boxes
    size: [640, 640]
    labels: [car]
    classes: {car: car}
    min_score: 0.3
  lidar: {kind: clusters, sensor_height_m: 1.7, least_points: 5, unknown: true}
objects: {inputs: {lists: boxes}, tentative: true, open_at: 0.5, moved_m: 1.0, every: 1s}
situations:
  - {kind: time_to_collision, name: close, below: 2s, half_width_m: 1.5}
  - {kind: pedestrian_in_path, name: ahead, classes: [pedestrian]}
limits: {session_timeout: 10m, max_open_windows: 5, max_window_bytes: 4MB, max_ahead: 1m}
"""
TREE = yaml.safe_load(FULL)
GONE = object()
WRONG = (GONE, "holt!", "", -3, 0.5, True, None, [], [1], {}, {"nope": 1})
#: Of pydantic, and of the way in which it names places.
FOREIGN = re.compile(
    r"(?i)input |valid |string|tuple|dictionary|object to|tag|discriminator|match |after validation"
    r"|greater|less than|integer|boolean|\[key\]|constrained"
)
Path = tuple[str | int, ...]


def paths(tree: object, at: Path = ()) -> Iterator[Path]:
    """Every key and item below a tree."""
    if isinstance(tree, dict | list):
        for part, below in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield (*at, part)
            yield from paths(below, (*at, part))


def changed(at: Path, value: object) -> Any:
    """The file's tree with another value at a place, or without it."""
    tree = copy.deepcopy(TREE)
    node: Any = tree
    for part in at[:-1]:
        node = node[part]
    if value is GONE:
        del node[at[-1]]
    else:
        node[at[-1]] = value
    return tree


def complaint(text: str) -> str:
    """What is wrong with a file, after its name and the line."""
    with pytest.raises(PipelineFileError) as caught:
        parse_pipeline(text, "my.yaml")
    where, _, said = str(caught.value).partition(": ")
    assert re.fullmatch(r"my\.yaml:\d+", where)
    return said


def test_the_whole_file_is_right_as_it_is() -> None:
    assert parse_pipeline(FULL, "my.yaml").pipeline == "full"


@pytest.mark.parametrize("at", list(paths(TREE)), ids=lambda at: ".".join(map(str, at)))
def test_a_wrong_value_is_answered_in_words_of_the_file(at: Path) -> None:
    for value in WRONG:
        try:
            Pipeline.model_validate(changed(at, value))
        except ValidationError as error:
            problem = explain(error, Pipeline)[0]
            assert problem.path[0] in TREE
            assert FOREIGN.search(problem.message.partition(", got ")[0]) is None, problem
            assert FOREIGN.search(problem.key) is None, problem


MESSAGES = [
    (
        "inputs.audio.matcher",
        "overlap",
        "inputs.audio.matcher: expected keys and their values, got 'overlap'; write "
        "{kind: overlap} and what else it needs",
    ),
    (
        "inputs.audio.matcher.kind",
        "holt",
        "inputs.audio.matcher.kind: expected 'collect', 'overlap', 'nearest' or 'hold',"
        " got 'holt' (did you mean 'hold'?)",
    ),
    (
        "inputs.audio.matcher.kind",
        GONE,
        "inputs.audio.matcher.kind: expected 'collect', 'overlap', 'nearest' or 'hold',"
        " got none; add it",
    ),
    (
        "inputs.audio.sensors",
        "mic",
        "inputs.audio.sensors: expected a list, got 'mic'",
    ),
    (
        "inputs.audio.sensors",
        [1],
        "inputs.audio.sensors.0: expected text, got 1; put it in quotes",
    ),
    (
        "inputs.audio.clock.estimate",
        "drifts",
        "inputs.audio.clock.estimate: expected 'none', 'offset' or 'drift', got "
        "'drifts' (did you mean 'drift'?)",
    ),
    (
        "inputs",
        {},
        "inputs: expected at least 1 entry, got {}",
    ),
    (
        "window.kind",
        "triggered",
        "window.every: not expected where kind is triggered; leave it out, or set kind: sliding",
    ),
    (
        "window.every",
        GONE,
        "window.every: expected where kind is sliding, got none; add it",
    ),
    (
        "window.size",
        GONE,
        "window.size: expected a value, got none; add it",
    ),
    (
        "partitions",
        -4,
        "partitions: expected a number above 0, got -4",
    ),
    (
        "inputs.audio.max_bytes",
        "99MB",
        "inputs.audio.max_bytes: expected a number of at most 14000000, got 99000000",
    ),
    (
        "perception.camera.min_score",
        7,
        "perception.camera.min_score: expected a number below 1, got 7",
    ),
    (
        "perception.camera.labels",
        3,
        "perception.camera.labels: expected a list or text, got 3",
    ),
    (
        "perception.camera.size",
        [640],
        "perception.camera.size.1: expected a value, got none; add it",
    ),
    (
        "situations.0.kind",
        "ttc",
        "situations.0.kind: expected 'time_to_collision', 'pedestrian_in_path' or "
        "'hard_braking_ahead', got 'ttc'",
    ),
    (
        "pipeline",
        "My Pipeline",
        "pipeline: expected at most 48 lower-case letters, digits, '_' and '-', the "
        "first a letter, got 'My Pipeline'",
    ),
]


@pytest.mark.parametrize(("key", "value", "said"), MESSAGES, ids=[each[0] for each in MESSAGES])
def test_a_message_names_the_key_what_was_expected_and_what_came(
    key: str, value: object, said: str
) -> None:
    at = tuple(int(part) if part.isdigit() else part for part in key.split("."))
    assert complaint(yaml.safe_dump(changed(at, value), sort_keys=False)) == said


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("tolerance:", "tolerence:", "matcher.tolerence: unknown key (did you mean 'tolerance'?)"),
        ("{offset: -10ms}", "{offest: 1s}", "sensor_clocks.mic.offest: unknown key (did you mean"),
        ("max_tokens", "max_token", "model.remote.max_token: unknown key (did you mean"),
        ("min_score", "minscore", "perception.camera.minscore: unknown key (did you mean"),
        ("below", "belov", "situations.0.belov: unknown key (did you mean 'below'?)"),
    ],
)
def test_an_unknown_key_of_any_section_gets_the_closest_known_one(
    old: str, new: str, hint: str
) -> None:
    assert hint in complaint(FULL.replace(old, new, 1))


def test_a_key_that_was_written_where_a_variable_is_named_is_not_repeated() -> None:
    message = complaint(FULL.replace("api_key_env: KEY", "api_key_env: sk-hunter2"))
    assert "expected the name of an environment variable" in message
    assert "hunter2" not in message


@pytest.mark.parametrize("value", ["true", "on", "false"])
def test_true_and_false_are_no_whole_numbers_in_a_pipeline(value: str) -> None:
    text = f"pipeline: small\npartitions: {value}\ninputs: {{mic: {{modality: audio}}}}\n"
    with pytest.raises(PipelineFileError, match="partitions: expected a whole number, got "):
        parse_pipeline(f"{text}window: {{size: 2s}}\nmodel: {{name: m}}\n", "x.yaml")


def test_true_is_no_number_in_a_pipeline() -> None:
    with pytest.raises(ValidationError, match="valid number"):
        EventSpec.model_validate({"name": "a", "task": "t", "label": "l", "update_delta": True})


def test_true_is_no_whole_number_in_settings() -> None:
    with pytest.raises(ValidationError, match="valid integer"):
        KafkaSettings.model_validate({"session_timeout_ms": True})
