"""How a server is asked: tries, pauses, calls at once, and a breaker."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from schemas.remote import RemoteCall
from workers.backends import asking
from workers.backends.asking import Asker
from workers.backends.breaker import Breaker
from workers.errors import RemoteError


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_FIRST_PAUSE_S", 0.001)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Server:
    """Fails the first ``failures`` calls."""

    def __init__(self, failures: int, *, retriable: bool = True) -> None:
        self.left, self.retriable, self.asked = failures, retriable, 0

    def __call__(self) -> str:
        self.asked += 1
        if self.left:
            self.left -= 1
            raise RemoteError("server", "no", retriable=self.retriable)
        return "answer"


def asker(**rules: object) -> Asker:
    return Asker("server", RemoteCall.model_validate({"url": "http://x:1", **rules}))


def test_a_call_is_tried_again_as_often_as_the_file_says() -> None:
    server = Server(2)
    assert asker(retries=2).ask(server) == "answer"
    assert server.asked == 3


def test_the_last_failure_is_raised() -> None:
    server = Server(9)
    with pytest.raises(RemoteError, match="server: no"):
        asker(retries=2, breaker_failures=99).ask(server)
    assert server.asked == 3


def test_a_refusal_is_not_tried_again() -> None:
    server = Server(1, retriable=False)
    with pytest.raises(RemoteError):
        asker(retries=5).ask(server)
    assert server.asked == 1


def test_no_more_calls_at_once_than_the_file_allows() -> None:
    one = asker(concurrency=2)
    lock, both, most = threading.Lock(), threading.Barrier(2), 0
    running = 0

    def call() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        both.wait(5)
        with lock:
            running -= 1

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: one.ask(call), range(6)))
    assert most == 2


def test_closing_ends_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_FIRST_PAUSE_S", 60.0)
    one = asker(retries=1)

    def call() -> None:
        one.close()
        raise RemoteError("server", "no")

    with pytest.raises(RemoteError, match="the worker ends"):
        one.ask(call)


def test_a_breaker_opens_after_failures_in_a_row_alone() -> None:
    breaker = Breaker(3, 10.0, Clock())
    for outcome in (breaker.failed, breaker.failed, breaker.succeeded, breaker.failed):
        assert breaker.allows()
        outcome()
    breaker.failed()
    assert breaker.allows()
    breaker.failed()
    assert not breaker.allows()


def test_one_call_is_let_through_after_the_pause_and_its_success_closes() -> None:
    clock = Clock()
    breaker = Breaker(1, 10.0, clock)
    breaker.failed()
    clock.now_s = 9.9
    assert not breaker.allows()
    clock.now_s = 10.0
    assert [breaker.allows(), breaker.allows()] == [True, False]
    breaker.succeeded()
    assert breaker.allows()


def test_a_trial_that_fails_opens_for_another_pause() -> None:
    clock = Clock()
    breaker = Breaker(5, 10.0, clock)
    for _ in range(5):
        breaker.failed()
    clock.now_s = 10.0
    assert breaker.allows()
    breaker.failed()
    clock.now_s = 19.9
    assert not breaker.allows()
    clock.now_s = 20.0
    assert breaker.allows()


def test_an_open_breaker_fails_at_once_and_can_pass() -> None:
    one = asker(retries=3, breaker_failures=1, breaker_pause=timedelta(minutes=1))
    server = Server(1)
    with pytest.raises(RemoteError, match="left alone") as caught:
        one.ask(server)
    assert caught.value.retriable
    assert server.asked == 1
