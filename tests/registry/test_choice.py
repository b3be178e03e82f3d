"""Which folder the model section of a pipeline file means."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from schemas.model import ModelSpec
from tests.registry.conftest import NAME, Shelf, a_pipeline
from workers.errors import ModelError
from workers.registry.choice import Choice, can_change, choose, fall_backs, served_by
from workers.registry.layout import SHIPPED


def chosen(shelf: Shelf, **model: str) -> Choice:
    return choose(ModelSpec(**{"name": NAME, **model}), shelf.registry)  # type: ignore[arg-type]


def test_a_name_means_its_active_version(shelf: Shelf) -> None:
    shelf.add("1"), shelf.add("2")
    shelf.registry.activate(NAME, "1")
    found = chosen(shelf)
    assert (found.version, found.source, can_change(found)) == ("1", "active", True)


def test_a_shipped_name_means_the_shipped_version_until_one_is_activated(shelf: Shelf) -> None:
    found = chosen(shelf, name="call")
    assert (found.folder, found.source, can_change(found)) == (SHIPPED / "call", "shipped", True)
    shelf.registry.add(SHIPPED / "call", version="2")
    assert chosen(shelf, name="call") == found
    shelf.registry.activate("call", "2")
    assert chosen(shelf, name="call").version == "2"


def test_a_version_in_the_pipeline_file_wins_over_the_active_one(shelf: Shelf) -> None:
    shelf.add("1"), shelf.add("2")
    shelf.registry.activate(NAME, "2")
    found = chosen(shelf, version="1")
    assert (found.version, found.source, can_change(found)) == ("1", "pinned", False)


def test_the_shipped_version_can_be_pinned(shelf: Shelf) -> None:
    shipped = shelf.registry.shipped("call") or ""
    shelf.registry.add(SHIPPED / "call", version="2")
    shelf.registry.activate("call", "2")
    assert chosen(shelf, name="call", version=shipped).folder == SHIPPED / "call"


def test_a_folder_has_one_version_and_no_activation_changes_it(shelf: Shelf) -> None:
    found = chosen(shelf, name=str(SHIPPED / "call"))
    assert (found.name, found.source, can_change(found)) == ("call", "folder", False)


def test_a_folder_of_another_version_than_the_file_says_is_refused(shelf: Shelf) -> None:
    with pytest.raises(ModelError, match="expected version '9'"):
        chosen(shelf, name=str(SHIPPED / "call"), version="9")


def test_versions_of_which_none_is_active_are_no_model_yet(shelf: Shelf) -> None:
    shelf.add("1")
    with pytest.raises(ModelError, match=f"sensorium models activate {NAME} 1"):
        chosen(shelf)


def test_an_unknown_name_is_told_the_known_ones(shelf: Shelf) -> None:
    with pytest.raises(ModelError, match="'call', 'call-real', 'diagnosis'"):
        chosen(shelf)


def test_the_same_version_activated_again_is_another_choice(shelf: Shelf) -> None:
    shelf.add("1")
    shelf.registry.activate(NAME, "1")
    before = chosen(shelf)
    shelf.registry.activate(NAME, "1")
    assert chosen(shelf) != before


def test_a_worker_may_start_with_the_versions_that_were_active_before(shelf: Shelf) -> None:
    for version in ("1", "2", "3"):
        shelf.add(version)
        shelf.registry.activate(NAME, version)
    found = fall_backs(chosen(shelf), shelf.registry)
    assert [one.version for one in found] == ["2", "1"]


def test_a_former_version_that_was_removed_is_passed_over(shelf: Shelf) -> None:
    for version in ("1", "2", "3"):
        shelf.add(version)
        shelf.registry.activate(NAME, version)
    shutil.rmtree(shelf.root / NAME / "2")
    assert [one.version for one in fall_backs(chosen(shelf), shelf.registry)] == ["1"]


def test_a_pinned_version_has_no_other_in_its_place(shelf: Shelf) -> None:
    for version in ("1", "2"):
        shelf.add(version)
        shelf.registry.activate(NAME, version)
    assert fall_backs(chosen(shelf, version="2"), shelf.registry) == []


def test_a_pipeline_is_served_by_the_chosen_folder(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add("1")
    choice = chosen(shelf, version="1")
    spec = served_by(a_pipeline(version="1"), choice).model
    assert (spec.name, spec.version) == (str(shelf.root / NAME / "1"), None)
