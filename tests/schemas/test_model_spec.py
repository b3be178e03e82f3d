"""The model section: its kinds of remote, and every mistake in it is one line that says where."""

from __future__ import annotations

from datetime import timedelta

import pytest

from schemas.errors import PipelineFileError
from schemas.pipeline_file import parse_pipeline
from schemas.remote import ChatRemote, KserveRemote

FILE = """\
pipeline: small
inputs:
  camera: {modality: video}
  lidar: {modality: points}
window: {size: 2s}
model:
  name: small
"""
KSERVE = """\
  remote:
    kind: kserve
    protocol: grpc
    url: grpc://127.0.0.1:8001
    model: small
    timeout: 200ms
  fallback: call
"""
CHAT = """\
  remote:
    kind: chat
    url: http://127.0.0.1:8000/v1
    model: vlm
    prompt: What is ahead?
    inputs: [camera]
    tasks:
      ahead: [nothing, something]
"""


def test_a_local_model_needs_only_a_name() -> None:
    model = parse_pipeline(FILE, "x").model
    assert (model.name, model.max_batch, model.precision, model.remote) == (
        "small",
        64,
        "float32",
        None,
    )


def test_the_kind_tells_which_remote_it_is() -> None:
    model = parse_pipeline(FILE + KSERVE, "x").model
    assert isinstance(model.remote, KserveRemote)
    assert (model.remote.timeout, model.fallback) == (timedelta(milliseconds=200), "call")


def test_a_chat_remote_has_tasks_and_the_inputs_that_are_sent() -> None:
    remote = parse_pipeline(FILE + CHAT, "x").model.remote
    assert isinstance(remote, ChatRemote)
    assert (remote.tasks, remote.inputs, remote.temperature) == (
        {"ahead": ("nothing", "something")},
        ("camera",),
        0.0,
    )


MISTAKES = {
    "unknown kind": (KSERVE, "kind: kserve", "kind: rest", 9, ("model.remote.kind", "'kserve'")),
    "no kind": (KSERVE, "    kind: kserve\n", "", 8, ("model.remote", "kind")),
    "unknown key": (KSERVE, "timeout:", "time_out:", 13, ("model.remote.time_out", "'timeout'")),
    "key of the other kind": (CHAT, "model: vlm", "protocol: grpc", 11, ("remote.protocol",)),
    "wrong scheme": (KSERVE, "grpc://", "http://", 11, ("url", "grpc://host:port")),
    "password": (CHAT, "http://", "http://me:secret@", 10, ("url", "api_key_env")),
    "a query": (CHAT, "/v1", "/v1?key=x", 10, ("url", "query", "api_key_env")),
    "no time": (KSERVE, "timeout: 200ms", "timeout: 0s", 13, ("timeout", "more than 0s")),
    "one label": (CHAT, "[nothing, something]", "[nothing]", 15, ("tasks.ahead", "two")),
    "same labels": (CHAT, "[nothing, something]", "[a, a]", 15, ("tasks.ahead", "two")),
    "no such input": (CHAT, "[camera]", "[radar]", 13, ("'radar'", "camera, lidar")),
    "points in a chat": (CHAT, "[camera]", "[lidar]", 13, ("points", "'lidar'")),
    "python and remote": (CHAT, "  remote:", "  python: a.b:C\n  remote:", 9, ("python",)),
    "not a class": (CHAT, "  remote:", "  python: a.b\n  remote:", 8, ("model.python",)),
    "key in the file": (CHAT, "model: vlm", "api_key: x", 11, ("api_key", "'api_key_env'")),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_with_line_key_and_remedy(mistake: str) -> None:
    section, old, new, line, words = MISTAKES[mistake]
    assert old in section
    with pytest.raises(PipelineFileError) as caught:
        parse_pipeline(FILE + section.replace(old, new), "my.yaml")
    message = str(caught.value)
    assert message.startswith(f"my.yaml:{line}: ")
    assert "\n" not in message
    for word in words:
        assert word in message


def test_a_password_in_the_url_is_not_repeated() -> None:
    with pytest.raises(PipelineFileError) as caught:
        parse_pipeline(FILE + CHAT.replace("http://", "http://me:secret@"), "x")
    assert "secret" not in str(caught.value)


def test_a_local_model_has_no_fallback() -> None:
    with pytest.raises(PipelineFileError, match=r"model\.fallback: .* expected a remote or python"):
        parse_pipeline(FILE + "  fallback: call\n", "x")


def test_nothing_is_left_out_unless_it_is_asked_for() -> None:
    assert parse_pipeline(FILE, "x").model.explain.leave_one_out == "none"
    asked = parse_pipeline(FILE + "  explain: {leave_one_out: sensors}\n", "x")
    assert asked.model.explain.leave_one_out == "sensors"


def test_an_unknown_key_of_explain_is_answered_with_those_there_are() -> None:
    with pytest.raises(PipelineFileError, match="leave_one_out"):
        parse_pipeline(FILE + "  explain: {shares: both}\n", "x")
