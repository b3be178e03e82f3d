"""Servers that are slow, broken or gone: an error that says so, or the fall-back's answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from schemas.model import ModelSpec
from schemas.result import ModelRef
from streams.align.types import Window
from streams.compute import Fusion
from tests.backends.cases import WHERE, features, samples, window
from tests.backends.conftest import Folders, chat, kserve
from tests.backends.servers import Fault, Faulty
from workers.backends.base import Model
from workers.backends.opening import open_model
from workers.errors import ModelError, NonFiniteError, RemoteError, RequestRefused

KINDS = ["http", "grpc", "chat"]
Serve = Callable[[str], tuple[Faulty, str]]
#: A pause of the breaker that no test waits for.
NEVER = {"breaker_failures": 1_000}


class Site:
    """A server, and models that are opened on it."""

    def __init__(self, kind: str, serve: Serve, folders: Folders) -> None:
        self.kind, self.folders = kind, folders
        self.server, self.url = serve(kind)
        self.opened: list[Model] = []

    def open(self, *, fallback: bool = False, **rules: Any) -> Model:
        remote = (chat if self.kind == "chat" else kserve)(self.url, **rules)
        name = "vlm" if self.kind == "chat" else str(self.folders["onnx"])
        spec: dict[str, Any] = {"name": name, "remote": remote}
        if fallback:
            spec["fallback"] = str(self.folders["reference"])
        model = open_model(ModelSpec.model_validate(spec), WHERE)
        self.opened.append(model)
        return model

    def prepared(self, model: Model) -> Window:
        """A window whose samples were encoded while the server was well."""
        given = samples(model, 1)
        return window(given, features(model, given))


@contextmanager
def broken(server: Faulty, fault: Fault) -> Iterator[None]:
    server.fault, server.asked = fault, 0
    yield
    server.fault = ""


@pytest.fixture
def site(request: pytest.FixtureRequest, serve: Serve, folders: Folders) -> Iterator[Site]:
    made = Site(request.param, serve, folders)
    yield made
    for model in made.opened:
        model.close()


def only(model: Model, given: Window) -> Fusion:
    (answer,) = model.fuse([given])
    return answer


every_kind = pytest.mark.parametrize("site", KINDS, indirect=True)
graphs_alone = pytest.mark.parametrize("site", ["http", "grpc"], indirect=True)


@every_kind
def test_a_slow_server_costs_its_time_out_and_no_more(site: Site) -> None:
    model = site.open(timeout="300ms", retries=1, **NEVER)
    given = site.prepared(model)
    with broken(site.server, "slow"), pytest.raises(RemoteError, match=r"within 0\.3 s") as caught:
        model.fuse([given])
    assert caught.value.retriable
    assert site.server.asked == 2


@every_kind
def test_a_failure_that_passes_is_tried_again(site: Site) -> None:
    model = site.open(retries=2, **NEVER)
    given = site.prepared(model)
    well = only(model, given)
    site.server.faults_left = 2
    with broken(site.server, "500"):
        assert only(model, given) == well
        assert site.server.asked == 3


@every_kind
@pytest.mark.parametrize("fault", ["500", "garbage"])
def test_what_is_no_answer_is_a_retriable_error_after_so_many_tries(
    site: Site, fault: Fault
) -> None:
    model = site.open(retries=1, **NEVER)
    given = site.prepared(model)
    with broken(site.server, fault), pytest.raises(RemoteError) as caught:
        model.fuse([given])
    assert caught.value.retriable
    assert not caught.value.blames_item
    assert site.server.asked == 2


@graphs_alone
def test_tensors_of_another_shape_are_no_answer(site: Site) -> None:
    model = site.open(**NEVER)
    given = site.prepared(model)
    with broken(site.server, "shape"), pytest.raises(RemoteError, match="expected float32"):
        model.fuse([given])


@graphs_alone
def test_nan_is_an_error_and_no_result(site: Site) -> None:
    model = site.open()
    given = site.prepared(model)
    with broken(site.server, "nan"), pytest.raises(NonFiniteError):
        model.fuse([given])


@graphs_alone
def test_a_refused_request_is_not_tried_again_and_blames_what_was_sent(site: Site) -> None:
    model = site.open(retries=3)
    given = site.prepared(model)
    with broken(site.server, "400"), pytest.raises(RequestRefused) as caught:
        model.fuse([given])
    assert caught.value.blames_item
    assert site.server.asked == 1


@pytest.mark.parametrize("site", ["chat"], indirect=True)
def test_a_window_that_an_endpoint_refuses_has_a_failure_in_place_of_an_answer(site: Site) -> None:
    model = site.open(retries=3)
    given = site.prepared(model)
    with broken(site.server, "400"):
        answer = only(model, given)
    assert (answer.tasks, answer.failure) == ({}, "request_refused")
    assert site.server.asked == 1


@pytest.mark.parametrize("site", ["chat"], indirect=True)
def test_windows_that_were_answered_are_not_asked_again_when_another_was_not(site: Site) -> None:
    model = site.open(retries=0, concurrency=1, **NEVER)
    given = [site.prepared(model) for _ in range(3)]
    spans = [
        msgspec.structs.replace(one, end_us=2_000_000 + n * 500_000) for n, one in enumerate(given)
    ]
    site.server.faults_left = 1
    with broken(site.server, "500"):
        with pytest.raises(RemoteError):
            model.fuse(spans)
        assert site.server.asked == 3
        assert len(model.fuse(spans)) == 3
        assert site.server.asked == 4


@every_kind
def test_a_server_without_the_model_is_not_asked_again_and_again(site: Site) -> None:
    model = site.open(retries=3)
    given = site.prepared(model)
    with broken(site.server, "404"), pytest.raises(RemoteError, match="the model's name") as caught:
        model.fuse([given])
    assert not caught.value.retriable
    assert site.server.asked == 1


@every_kind
def test_a_dead_server_is_left_alone_after_so_many_failures(site: Site) -> None:
    model = site.open(retries=0, breaker_failures=3)
    given = site.prepared(model)
    with broken(site.server, "500"):
        for _ in range(10):
            with pytest.raises(RemoteError):
                model.fuse([given])
        assert site.server.asked == 3


@every_kind
def test_nobody_at_the_address_is_a_retriable_error_at_start(site: Site) -> None:
    scheme, _, _ = site.url.partition("://")
    site.url = f"{scheme}://127.0.0.1:9"
    with pytest.raises(RemoteError) as caught:
        site.open(retries=0, timeout="2s")
    assert caught.value.retriable


# -- with a fall-back ---------------------------------------------------------------------------


def answered_by(answer: Fusion, model: Model) -> ModelRef:
    return answer.model or model.ref


@every_kind
@pytest.mark.parametrize("fault", ["slow", "500", "400", "404", "garbage", "shape", "nan"])
def test_the_fall_back_answers_and_says_so(site: Site, fault: Fault) -> None:
    model = site.open(fallback=True, timeout="2s", retries=0, **NEVER)
    given = site.prepared(model)
    assert answered_by(only(model, given), model) == model.ref
    with broken(site.server, fault):
        answer = only(model, given)
    assert answered_by(answer, model).name == "untrained"
    assert answered_by(answer, model) != model.ref


@every_kind
def test_the_server_answers_again_once_it_is_well(site: Site) -> None:
    model = site.open(fallback=True, retries=0, **NEVER)
    given = site.prepared(model)
    well = only(model, given)
    with broken(site.server, "500"):
        assert only(model, given).model is not None
    assert only(model, given) == well


@graphs_alone
def test_samples_that_the_server_did_not_encode_are_in_windows_of_the_fall_back(
    site: Site,
) -> None:
    model = site.open(fallback=True, retries=0, **NEVER)
    with broken(site.server, "500"):
        given = site.prepared(model)
    answer = only(model, given)
    assert answered_by(answer, model) != model.ref
    local = open_model(ModelSpec(name=str(site.folders["reference"])), WHERE)
    alone = samples(local, 1)
    assert answer.tasks == only(local, window(alone, features(local, alone))).tasks


@every_kind
def test_a_worker_starts_with_the_fall_back_while_the_server_is_not_there(site: Site) -> None:
    scheme, _, _ = site.url.partition("://")
    site.url = f"{scheme}://127.0.0.1:9"
    model = site.open(fallback=True, retries=0, timeout="2s")
    model.warm(8)
    answer = only(model, site.prepared(model))
    assert answered_by(answer, model) != model.ref


def test_a_fall_back_of_other_tasks_is_refused(serve: Serve, folders: Folders) -> None:
    _, url = serve("chat")
    remote = chat(url, tasks={"mood": ["low", "high"]})
    spec = {"name": "vlm", "remote": remote, "fallback": str(folders["reference"])}
    with pytest.raises(ModelError, match="expected the tasks and labels of 'vlm'"):
        open_model(ModelSpec.model_validate(spec), WHERE)


# -- what is checked at start -------------------------------------------------------------------


def test_a_graph_that_is_not_as_described_is_refused_at_start(
    serve: Serve, folders: Folders
) -> None:
    server, url = serve("http")
    server.lies = {"features": [-1, -1, 32]}  # type: ignore[attr-defined]
    spec = {"name": str(folders["onnx"]), "remote": kserve(url)}
    with pytest.raises(ModelError, match=r"'features': expected float32 \[0, 0, 64\], the server"):
        open_model(ModelSpec.model_validate(spec), WHERE)


def test_a_model_that_the_endpoint_does_not_list_is_refused_at_start(serve: Serve) -> None:
    _, url = serve("chat")
    spec = {"name": "vlm", "remote": chat(url, model="other")}
    with pytest.raises(ModelError, match=r"has no model 'other', it has \['vlm'\]"):
        open_model(ModelSpec.model_validate(spec), WHERE)


# -- keys ---------------------------------------------------------------------------------------


@every_kind
def test_the_key_is_sent_as_a_bearer_token(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_MODEL_KEY", "s3cret")
    model = site.open(api_key_env="TEST_MODEL_KEY")
    only(model, site.prepared(model))
    assert site.server.authorization == "Bearer s3cret"


@every_kind
def test_a_key_that_is_not_set_is_named_and_asked_for(site: Site) -> None:
    with pytest.raises(ModelError, match="environment variable TEST_MODEL_KEY, it is not set"):
        site.open(api_key_env="TEST_MODEL_KEY")
