"""Help is quick and shows by example."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from tests.cli.conftest import Sensorium
from workers.cli.main import app


def command_paths() -> Iterator[tuple[str, ...]]:
    """Every command and every command of a group."""
    root = typer.main.get_command(app)
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        yield (name,)
        for inner in getattr(command, "commands", {}):
            yield (name, inner)


def parameters_of(path: tuple[str, ...]) -> list[Any]:
    """What a command takes, apart from what its help does not show."""
    command: Any = typer.main.get_command(app)
    for name in path:
        command = command.commands[name]
    return [each for each in command.params if not getattr(each, "hidden", False)]


def test_the_commands_are_these() -> None:
    assert {path[0] for path in command_paths()} == {
        "align", "bench", "config", "contract", "datasets", "demo", "dlq", "doctor", "evaluate",
        "events", "evidence", "explain", "feed", "mcap", "models", "pipelines", "record",
        "results", "simulate", "topics", "train", "up", "view", "worker",
    }  # fmt: skip


@pytest.mark.parametrize("path", list(command_paths()), ids=" ".join)
def test_help_ends_in_an_example_of_the_command(
    path: tuple[str, ...], sensorium: Sensorium
) -> None:
    done = sensorium(*path, "--help")
    assert done.status == 0
    example = done.out.partition("Example:")[2]
    assert f"sensorium {' '.join(path)}" in example


@pytest.mark.parametrize("path", list(command_paths()), ids=" ".join)
def test_every_argument_and_option_has_a_help_text(path: tuple[str, ...]) -> None:
    assert [each.name for each in parameters_of(path) if not each.help] == []


#: A worker prints no result: `log.format: json` makes its log JSON, `/readyz` tells its state. The
#: others are groups, of which each command has the option.
WITHOUT_JSON = {
    ("worker",),
    ("topics",),
    ("mcap",),
    ("datasets",),
    ("dlq",),
    ("bench",),
    ("models",),
}


@pytest.mark.parametrize("path", sorted(set(command_paths()) - WITHOUT_JSON), ids=" ".join)
def test_every_command_that_prints_a_result_can_print_it_as_json(path: tuple[str, ...]) -> None:
    assert "--json" in {option for each in parameters_of(path) for option in each.opts}


def test_without_a_command_help_is_printed(sensorium: Sensorium) -> None:
    done = sensorium()
    assert (done.status, done.out.startswith("Usage: sensorium")) == (0, True)


def test_help_loads_nothing_that_is_slow() -> None:
    code = (
        "import sys; from workers.cli.main import main; main(['--help']); "
        "slow = {'torch', 'faust', 'pydantic', 'aiokafka', 'kafka', 'numpy', 'redis', 'rich'}; "
        "sys.exit(', '.join(slow & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
