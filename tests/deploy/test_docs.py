"""What the documents name is there: files, commands, metrics, and a pipeline file that loads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
import yaml

from schemas.model import ModelSpec
from schemas.pipeline_file import load_pipeline
from streams.metrics import Metrics
from workers.cli.main import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def test_the_pipeline_file_in_the_readme_is_one(tmp_path: Path) -> None:
    example, _ = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    file = tmp_path / "pipeline.yaml"
    file.write_text(example, encoding="utf-8")
    pipeline = load_pipeline(str(file))
    assert {spec.matcher.kind for spec in pipeline.inputs.values()} >= {"overlap", "hold"}


def test_the_model_section_in_the_readme_is_one() -> None:
    _, example = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert ModelSpec.model_validate(yaml.safe_load(example)["model"]).fallback == "call"


@pytest.mark.parametrize("document", ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"])
def test_every_link_leads_to_a_file(document: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / document).read_text(encoding="utf-8"))
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_path_on_the_map_is_there() -> None:
    paths = re.findall(r"`((?:schemas|streams|workers|tests)/[\w/.]*)`", ARCHITECTURE)
    assert len(paths) > 20
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_module_on_the_map_is_in_a_folder_of_its_row() -> None:
    missing = []
    for row in ARCHITECTURE.splitlines():
        names = re.findall(r"`([\w/]+(?:/|\.py))`", row) if row.startswith("|") else []
        paths = [ROOT / name for name in names if "/" in name]
        folders = {path if path.is_dir() else path.parent for path in paths}
        modules = [name for name in names if "/" not in name]
        missing += [n for n in modules if not any((f / n).is_file() for f in folders)]
    assert missing == []


def test_every_test_file_that_a_figure_names_is_there() -> None:
    named = re.findall(r"pytest (tests/[\w/.]+)", README)
    assert named
    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_every_command_in_the_readme_exists() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    named = set(re.findall(r"(?:`|bin/)sensorium ([a-z]+)", README))
    assert len(named) > 10
    assert named - set(commands) == set()


def test_every_make_target_in_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"(?:`make |\nmake )([a-z-]+)(?:`| +#)", README)) - targets == set()


def test_every_metric_in_the_readme_is_exported() -> None:
    metrics = Metrics("call")
    exported = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in metrics.registry.collect()
    }
    named = set(re.findall(r"sensorium_[a-z_]+", README))
    assert len(named) > 5
    assert named - exported == set()
