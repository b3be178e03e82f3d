"""`topics` against a broker."""

from __future__ import annotations

import json

import pytest

from streams.stack import Stack
from tests.cli.conftest import Sensorium
from workers.cli.failures import FAILED

SUFFIXES = ["notes", "results", "events", "late", "dlq"]


def test_list_needs_no_broker(sensorium: Sensorium, own_pipeline: tuple[str, str]) -> None:
    path, name = own_pipeline
    lines = sensorium("topics", "list", "-p", path, "--json").out.splitlines()
    topics = [json.loads(line) for line in lines]
    assert [topic["topic"] for topic in topics] == [f"{name}.{suffix}" for suffix in SUFFIXES]
    assert {topic["partitions"] for topic in topics} == {2}


@pytest.mark.integration
def test_missing_topics_fail_the_check(
    sensorium: Sensorium, on_stack: Stack, own_pipeline: tuple[str, str]
) -> None:
    path, name = own_pipeline
    done = sensorium("topics", "verify", "-p", path)
    assert done.status == FAILED
    assert f"{name}.dlq" in done.complaint


@pytest.mark.integration
def test_created_topics_pass_the_check(
    sensorium: Sensorium, on_stack: Stack, own_pipeline: tuple[str, str]
) -> None:
    path, name = own_pipeline
    created = json.loads(sensorium("topics", "create", "-p", path, "--json").out)
    assert created["created"] == [f"{name}.{suffix}" for suffix in SUFFIXES]
    assert sensorium("topics", "verify", "-p", path).out == f"{name}: OK\n"


@pytest.mark.integration
def test_the_check_is_one_object_for_each_pipeline(
    sensorium: Sensorium, on_stack: Stack, own_pipeline: tuple[str, str]
) -> None:
    path, name = own_pipeline
    missing = json.loads(sensorium("topics", "verify", "-p", path, "--json").out)
    assert (missing["pipeline"], missing["ok"], f"{name}.dlq" in missing["problem"]) == (
        name,
        False,
        True,
    )
    sensorium("topics", "create", "-p", path)
    assert json.loads(sensorium("topics", "verify", "-p", path, "--json").out) == {
        "pipeline": name,
        "ok": True,
        "topics": {f"{name}.{suffix}": 2 for suffix in SUFFIXES},
    }


@pytest.mark.integration
def test_creating_again_changes_nothing(
    sensorium: Sensorium, on_stack: Stack, own_pipeline: tuple[str, str]
) -> None:
    path, _ = own_pipeline
    sensorium("topics", "create", "-p", path)
    again = json.loads(sensorium("topics", "create", "-p", path, "--json").out)
    assert (again["created"], len(again["existing"])) == ([], len(SUFFIXES))
