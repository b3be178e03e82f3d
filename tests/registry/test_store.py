"""Versions are added whole, activated by one small file, and gone back to."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.registry.conftest import NAME, Shelf, damage
from workers.errors import ModelError
from workers.registry.layout import ACTIVE_FILE, SHIPPED, SUMS_FILE, read_identity
from workers.registry.store import Registry


def test_a_registry_without_a_folder_has_the_shipped_models(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "nowhere")
    assert {"call", "diagnosis", "diagnosis-real", "vehicle"} <= set(registry.names())
    assert registry.active("call") == registry.versions("call")[0]


def test_an_added_version_is_found_where_it_was_put(shelf: Shelf) -> None:
    added = shelf.add("1.2.0")
    assert added == shelf.registry.folder(NAME, "1.2.0") == shelf.root / NAME / "1.2.0"


def test_versions_are_in_the_order_of_their_numbers(shelf: Shelf) -> None:
    for version in ("1.10", "1.9", "1.9-rc1"):
        shelf.add(version)
    assert shelf.registry.versions(NAME) == ["1.9", "1.9-rc1", "1.10"]


def test_folders_that_are_no_versions_are_passed_over(shelf: Shelf) -> None:
    shelf.add("1")
    for stray in (shelf.root / NAME / ".coming", shelf.root / "my notes" / "1"):
        shutil.copytree(shelf.root / NAME / "1", stray)
    shipped = Registry(shelf.root / "nowhere").names()
    assert shelf.registry.names() == sorted([*shipped, NAME])
    assert shelf.registry.versions(NAME) == ["1"]


def test_adding_gives_the_copy_the_name_and_version_asked_for(shelf: Shelf) -> None:
    added = shelf.registry.add(SHIPPED / "call", name="other", version="7")
    found = read_identity(added)
    assert (found.name, found.version) == ("other", "7")


def test_adding_writes_the_digests_of_all_files(shelf: Shelf) -> None:
    lines = (shelf.add("1") / SUMS_FILE).read_text().splitlines()
    assert sorted(line.split("  ")[1] for line in lines) == ["model.json", "model.safetensors"]


def test_a_version_is_never_added_over_another(shelf: Shelf) -> None:
    shelf.add("1")
    with pytest.raises(ModelError, match="not there yet, got '1'"):
        shelf.add("1")


def test_a_shipped_version_is_never_shadowed_by_one_of_the_same_name(shelf: Shelf) -> None:
    with pytest.raises(ModelError, match="not there yet"):
        shelf.registry.add(SHIPPED / "call")


def test_damaged_weights_are_not_added(shelf: Shelf, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(SHIPPED / "call", source)
    damage(source / "model.safetensors")
    with pytest.raises(ModelError, match="digest mismatch"):
        shelf.registry.add(source, version="2")


def test_what_failed_to_be_added_leaves_nothing_behind(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: Path) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("workers.registry.store.write_sums", full)
    with pytest.raises(OSError, match="no space"):
        shelf.add("1")
    assert list((shelf.root / NAME).iterdir()) == []


@pytest.mark.parametrize("version", ["", "../1", ".hidden", "a/b", "x" * 101, "1 2"])
def test_a_version_that_is_no_folder_name_is_refused(shelf: Shelf, version: str) -> None:
    with pytest.raises(ModelError, match="letters, digits"):
        shelf.registry.folder(NAME, version)


def test_the_version_activated_last_is_active(shelf: Shelf) -> None:
    shelf.add("1"), shelf.add("2")
    shelf.registry.activate(NAME, "2")
    shelf.registry.activate(NAME, "1")
    assert shelf.registry.active(NAME) == "1"


def test_an_unknown_version_is_not_activated(shelf: Shelf) -> None:
    shelf.add("1")
    with pytest.raises(ModelError, match=r"expected a version of \['1'\], got '2'"):
        shelf.registry.activate(NAME, "2")


def test_a_folder_that_describes_another_version_is_none(shelf: Shelf) -> None:
    shelf.add("1").rename(shelf.root / NAME / "2")
    with pytest.raises(ModelError, match="to describe version '2'"):
        shelf.registry.activate(NAME, "2")


def test_a_roll_back_makes_the_former_version_active(shelf: Shelf) -> None:
    shelf.add("1"), shelf.add("2")
    shelf.registry.activate(NAME, "1")
    shelf.registry.activate(NAME, "2")
    assert shelf.registry.roll_back(NAME).version == "1"
    assert shelf.registry.active(NAME) == "1"


def test_a_roll_back_can_go_to_the_shipped_version(shelf: Shelf) -> None:
    shipped = shelf.registry.active("call")
    shelf.registry.add(SHIPPED / "call", version="2")
    shelf.registry.activate("call", "2")
    assert shelf.registry.roll_back("call").version == shipped


def test_a_roll_back_to_nothing_says_so(shelf: Shelf) -> None:
    shelf.add("1")
    shelf.registry.activate(NAME, "1")
    with pytest.raises(ModelError, match="got 1 activations"):
        shelf.registry.roll_back(NAME)


def test_a_roll_back_to_a_version_that_was_removed_changes_nothing(shelf: Shelf) -> None:
    shelf.add("1"), shelf.add("2")
    shelf.registry.activate(NAME, "1")
    shelf.registry.activate(NAME, "2")
    shutil.rmtree(shelf.root / NAME / "1")
    with pytest.raises(ModelError, match="got '1'"):
        shelf.registry.roll_back(NAME)
    assert shelf.registry.active(NAME) == "2"


def test_the_history_says_what_was_active_when(shelf: Shelf) -> None:
    shelf.add("1"), shelf.add("2")
    shelf.registry.activate(NAME, "1")
    shelf.registry.activate(NAME, "2")
    shelf.registry.roll_back(NAME)
    told = [(one.version, one.action, one.at[-4:]) for one in shelf.registry.history(NAME)]
    assert told == [("1", "activate", ":01Z"), ("2", "activate", ":02Z"), ("1", "rollback", ":03Z")]


def test_the_active_version_can_be_read_by_any_json_reader(shelf: Shelf) -> None:
    shelf.add("1")
    shelf.registry.activate(NAME, "1")
    assert json.loads((shelf.root / NAME / ACTIVE_FILE).read_text())["version"] == "1"


def test_a_file_that_says_nothing_is_an_error_that_names_it(shelf: Shelf) -> None:
    shelf.add("1")
    path = shelf.root / NAME / ACTIVE_FILE
    path.write_text('{"version": "1"')
    with pytest.raises(ModelError, match=ACTIVE_FILE):
        shelf.registry.active(NAME)


def test_a_file_whose_version_is_not_the_last_of_its_history_is_an_error(shelf: Shelf) -> None:
    shelf.add("1")
    shelf.registry.activate(NAME, "1")
    path = shelf.root / NAME / ACTIVE_FILE
    told = json.loads(path.read_text())
    path.write_text(json.dumps({**told, "version": "2"}))
    with pytest.raises(ModelError, match="last activation"):
        shelf.registry.active(NAME)


def test_activations_at_the_same_time_are_all_remembered(shelf: Shelf) -> None:
    versions = [str(k) for k in range(8)]
    for version in versions:
        shelf.add(version)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda version: shelf.registry.activate(NAME, version), versions))
    assert sorted(one.version for one in shelf.registry.history(NAME)) == versions
