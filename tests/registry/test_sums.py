"""Files are compared with the digests that were written when they were added."""

from __future__ import annotations

import subprocess

import pytest

from tests.registry.conftest import Shelf, damage
from workers.errors import ModelError
from workers.registry.layout import SHIPPED, SUMS_FILE
from workers.registry.sums import check_sums


def test_files_as_they_were_added_pass(shelf: Shelf) -> None:
    assert check_sums(shelf.add("1")) == 2


def test_the_digests_are_what_sha256sum_reads(shelf: Shelf) -> None:
    subprocess.run(["sha256sum", "-c", SUMS_FILE], cwd=shelf.add("1"), check=True)


@pytest.mark.parametrize("file", ["model.json", "model.safetensors"])
def test_a_changed_byte_is_found_and_its_file_named(shelf: Shelf, file: str) -> None:
    folder = shelf.add("1")
    damage(folder / file)
    with pytest.raises(ModelError, match=f"for {file}"):
        check_sums(folder)


def test_a_missing_file_is_named(shelf: Shelf) -> None:
    folder = shelf.add("1")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        check_sums(folder)


@pytest.mark.parametrize(
    "line", ["garbage", f"{'0' * 64}  ../../etc/passwd", f"{'0' * 64}  /etc/passwd"]
)
def test_a_line_that_leads_elsewhere_is_refused(shelf: Shelf, line: str) -> None:
    folder = shelf.add("1")
    (folder / SUMS_FILE).write_text(line + "\n")
    with pytest.raises(ModelError, match="a file of this folder"):
        check_sums(folder)


def test_a_folder_without_digests_has_none_to_differ_from() -> None:
    assert check_sums(SHIPPED / "call") == 0
