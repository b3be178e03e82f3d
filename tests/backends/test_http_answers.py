"""What an inference server's answer over HTTP may say of its own length."""

from __future__ import annotations

import json

import pytest

from schemas.remote import KserveRemote
from tests.backends.conftest import kserve
from workers.backends.http import Answer, HttpServer
from workers.backends.kserve.http import HttpClient

BODY = json.dumps(
    {"outputs": [{"name": "y", "datatype": "FP32", "shape": [1], "data": [0.5]}]}
).encode()


@pytest.mark.parametrize("length", ["", "²", "٣", "-1", "9" * 5_000])
def test_a_length_that_is_no_number_is_as_if_there_were_none(
    length: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = Answer({"inference-header-content-length": length}, BODY)
    monkeypatch.setattr(HttpServer, "get", lambda self, path: Answer({}, b"{}"))
    monkeypatch.setattr(HttpServer, "post", lambda self, path, body, headers: answer)
    client = HttpClient(KserveRemote.model_validate(kserve("http://127.0.0.1:9")), None)
    try:
        assert client.infer("m", {}, ["y"])["y"].tolist() == [0.5]
    finally:
        client.close()
