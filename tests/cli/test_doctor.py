"""What `doctor` makes of what it finds."""

from __future__ import annotations

import json

import pytest

from streams.stack import Stack
from tests.cli.conftest import Sensorium
from workers.cli.failures import FAILED
from workers.doctor.finding import Finding, has_problem, split_error
from workers.doctor.models import judge_serving
from workers.doctor.packages import check_pure_python, compare
from workers.doctor.servers import judge_redis
from workers.registry.board import Notice, Refusal

HEALTHY = {"redis_version": "8.2.1", "maxmemory_policy": "noeviction", "aof_enabled": 1}


def levels(findings: list[Finding]) -> list[str]:
    return [finding.level for finding in findings]


def test_a_healthy_redis_has_no_findings_but_ok() -> None:
    assert set(levels(judge_redis("redis://r", HEALTHY))) == {"ok"}


@pytest.mark.parametrize(
    ("change", "level", "said"),
    [
        ({"redis_version": "6.0.9"}, "problem", "expected version 7.0 or newer, got 6.0.9"),
        ({"maxmemory_policy": "allkeys-lru"}, "problem", "expected noeviction, got allkeys-lru"),
        ({"aof_enabled": 0}, "warning", "no append-only file"),
    ],
)
def test_what_is_wrong_with_redis_is_named(
    change: dict[str, object], level: str, said: str
) -> None:
    (found,) = [one for one in judge_redis("redis://r", HEALTHY | change) if one.level != "ok"]
    assert (found.level, said in found.message, bool(found.remedy)) == (level, True, True)


def test_valkey_is_judged_by_its_own_version() -> None:
    info = HEALTHY | {"redis_version": "7.2.4", "valkey_version": "9.1.2"}
    assert "Valkey 9.1.2" in judge_redis("redis://r", info)[0].message


def test_another_version_of_an_engine_package_is_a_problem() -> None:
    (found,) = compare({"aiokafka": "0.14.0"}, {"aiokafka": "0.15.0"}.get)
    assert (found.level, found.remedy) == ("problem", "pip install aiokafka==0.14.0")


def test_another_version_of_any_other_package_is_a_warning() -> None:
    assert levels(compare({"numpy": "2.4.6"}, {"numpy": "2.5.0"}.get)) == ["warning"]


def test_a_package_that_is_missing_is_a_problem() -> None:
    assert levels(compare({"numpy": "2.4.6"}, {}.get)) == ["problem"]


def test_the_cython_path_of_faust_is_a_problem() -> None:
    assert check_pure_python({}).level == "problem"
    assert check_pure_python({"NO_CYTHON": "1"}).level == "ok"


def test_an_errors_last_part_is_the_remedy() -> None:
    found = split_error("broker", ValueError("expected a; got b; start it"))
    assert (found.message, found.remedy) == ("expected a; got b", "start it")


def test_warnings_are_no_problem() -> None:
    assert not has_problem([Finding("a", "ok", ""), Finding("b", "warning", "")])


@pytest.mark.integration
def test_a_bare_stack_lacks_topics_and_a_model(
    sensorium: Sensorium, on_stack: Stack, own_pipeline: tuple[str, str]
) -> None:
    path, name = own_pipeline
    done = sensorium("doctor", "--pipeline", path, "--json")
    findings = [json.loads(line) for line in done.out.splitlines()]
    problems = {one["check"] for one in findings if one["level"] == "problem"}
    assert done.status == FAILED
    assert problems >= {f"topics of {name}", f"model of {name}"}
    assert not problems & {"broker", "redis", "device", "configuration"}


@pytest.mark.integration
def test_created_topics_are_found(
    sensorium: Sensorium, on_stack: Stack, own_pipeline: tuple[str, str]
) -> None:
    path, name = own_pipeline
    sensorium("topics", "create", "-p", path)
    done = sensorium("doctor", "--pipeline", path)
    assert f"topics of {name}: 5 topics with 2 partitions each" in done.out


def test_broken_settings_are_a_finding(
    sensorium: Sensorium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENSORIUM_NOTHING", "1")
    done = sensorium("doctor", "--pipeline", "nothing")
    assert done.status == FAILED
    assert "SENSORIUM_NOTHING: unknown key" in done.out
    assert "nothing: unknown pipeline" in done.out


def notice(worker: str, version: str = "1", refused: Refusal | None = None) -> Notice:
    return Notice(worker, "call", version, "00", 0, refused)


def test_workers_that_serve_one_model_are_well() -> None:
    (found,) = judge_serving("call", [notice("a"), notice("b")])
    assert (found.level, found.message) == ("ok", "2 serve call 1")


def test_a_refused_version_is_a_problem_with_its_reason() -> None:
    refusal = Refusal("2", "digest mismatch", 0)
    found = judge_serving("call", [notice("a", refused=refusal), notice("b")])[0]
    assert found.level == "problem"
    assert "serves version 1 and refuses 2: digest mismatch" in found.message


def test_workers_with_different_versions_are_worth_a_word() -> None:
    (found,) = judge_serving("call", [notice("a"), notice("b", "2")])
    assert (found.level, "call 1, call 2" in found.message) == ("warning", True)


def test_no_worker_is_no_finding() -> None:
    assert judge_serving("call", []) == []
