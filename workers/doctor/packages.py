"""Installed packages against the versions this one was built for."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Callable, Iterable
from importlib import metadata

from workers.doctor.finding import Finding, ok, problem, warning

#: The ordered consumer relies on names that these do not promise to keep.
ENGINE_PACKAGES = ("faust-streaming", "aiokafka", "mode-streaming")
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;,]+)$")


def pinned(requirements: Iterable[str]) -> dict[str, str]:
    """Package -> version of the exact requirements; others and extras are left out.

    >>> pinned(["aiokafka==0.14.0", "torch>=2", "pytest==9.2.0; extra == 'dev'"])
    {'aiokafka': '0.14.0'}
    """
    found = (_PIN.match(requirement.strip()) for requirement in requirements)
    return {match[1].lower(): match[2] for match in found if match}


def compare(pins: dict[str, str], version_of: Callable[[str], str | None]) -> list[Finding]:
    """A finding per engine package, and one for each other package that differs."""
    findings = []
    for name, expected in pins.items():
        got = version_of(name)
        is_engine = name in ENGINE_PACKAGES
        if got == expected:
            if is_engine:
                findings.append(ok("packages", f"{name} {got}"))
            continue
        what = f"{name}: expected {expected}, got {got or 'none'}"
        remedy = f"pip install {name}=={expected}"
        report = problem if is_engine or got is None else warning
        findings.append(report("packages", what, remedy))
    return findings


def check_packages() -> list[Finding]:
    """Pinned versions, Faust's pure-Python path, and the fast checksum."""
    try:
        requirements = metadata.requires("sensorium") or []
    except metadata.PackageNotFoundError:
        findings = [
            warning(
                "packages",
                "sensorium runs from its source tree, so the pinned versions are not known",
                "pip install -e . -c requirements.lock",
            )
        ]
    else:
        findings = compare(pinned(requirements), _version)
    return [*findings, check_pure_python(os.environ), check_crc32c()]


def _version(name: str) -> str | None:
    try:
        # A local label such as +cpu is no other version.
        return metadata.version(name).partition("+")[0]
    except metadata.PackageNotFoundError:
        return None


def check_pure_python(environ: os._Environ[str] | dict[str, str]) -> Finding:
    """Faust's Cython path inlines ``ack``, which the ordered consumer has to see."""
    if environ.get("NO_CYTHON"):
        return ok("packages", "Faust runs without its Cython path (NO_CYTHON)")
    return problem(
        "packages", "Faust would take its Cython path, where commits stall", "set NO_CYTHON=1"
    )


def check_crc32c() -> Finding:
    """kafka-python checks records in pure Python unless the C version is there."""
    if importlib.util.find_spec("crc32c") is not None:
        return ok("packages", "crc32c is there: Kafka checksums in C")
    return warning(
        "packages",
        "crc32c is missing: Kafka checksums in pure Python cost ten times the CPU",
        "pip install crc32c",
    )
