"""What is declared to be installed is what is pinned."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
DECLARED = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    """Name to version of requirements.lock, in which a line is nothing but ``name==version``."""
    locked = {}
    for line in (REPOSITORY / "requirements.lock").read_text().splitlines():
        if line and not line.startswith("#"):
            name, version = re.fullmatch(r"([\w.-]+)==([\w.!]+)", line).groups()
            locked[canonical(name)] = version
    return locked


@pytest.mark.parametrize("requirement", DECLARED)
def test_a_declared_dependency_is_pinned_as_in_the_lock(requirement):
    name, version = requirement.split("==")
    assert pins()[canonical(name)] == version


def test_everything_below_the_declared_dependencies_is_pinned():
    locked, missing = pins(), set()
    waiting, seen = [requirement.split("==")[0] for requirement in DECLARED], set()
    while waiting:
        name = canonical(waiting.pop())
        if name in seen:
            continue
        seen.add(name)
        try:
            installed = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # for another platform or another Python
        if name not in locked:
            missing.add(name)
        needed = [line for line in installed.requires or () if "extra ==" not in line]
        waiting.extend(re.match(r"[\w.-]+", line).group() for line in needed)
    assert missing == set()


def test_every_python_package_is_found_by_the_build():
    from setuptools import find_packages

    found = set(find_packages(REPOSITORY, include=["schemas*", "streams*", "workers*"]))
    folders = {
        str(module.parent.relative_to(REPOSITORY)).replace("/", ".")
        for package in ("schemas", "streams", "workers")
        for module in (REPOSITORY / package).rglob("*.py")
    }
    assert folders - found == set()


@pytest.mark.parametrize("package", ["schemas", "streams", "workers"])
def test_a_package_says_that_it_is_typed(package):
    assert (REPOSITORY / package / "py.typed").exists()
