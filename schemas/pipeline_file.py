"""Reads a pipeline file; every error names the file, the line and the key."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import yaml
from pydantic import ValidationError

from schemas.errors import PipelineFileError
from schemas.pipeline import Pipeline
from schemas.validation import Problem, explain
from schemas.yaml_text import YamlProblem, read_yaml


def shipped_pipelines() -> dict[str, Path]:
    """Names and paths of the pipelines that come with the package."""
    folder = Path(str(resources.files("schemas"))) / "pipelines"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"), key=lambda each: each.stem)}


def load_pipeline(name_or_path: str) -> Pipeline:
    """A shipped pipeline by name, or any file by path.

    Raises ``PipelineFileError`` with one line: file, line, key, expected, got.
    """
    shipped = shipped_pipelines()
    path = shipped.get(name_or_path) or Path(name_or_path)
    looks_like_path = path.suffix in (".yaml", ".yml") or len(path.parts) > 1
    if not looks_like_path and not path.is_file():
        raise PipelineFileError(
            name_or_path,
            f"unknown pipeline; expected one of {', '.join(shipped)}, or the path of a YAML file",
        )
    return _with_paths(parse_pipeline(_read(path), path), path.parent.resolve())


def _with_paths(pipeline: Pipeline, folder: Path) -> Pipeline:
    """The pipeline with the files that it names placed: relative paths start at ``folder``."""
    found: dict[str, object] = {}
    if (calibration := pipeline.calibration) is not None:
        placed = {"file": str(folder / calibration.file)}
        found["calibration"] = calibration.model_copy(update=placed)
    if pipeline.perception:
        found["perception"] = {
            name: each.with_paths(folder) for name, each in pipeline.perception.items()
        }
    return pipeline.model_copy(update=found) if found else pipeline


def parse_pipeline(text: str, path: Path | str) -> Pipeline:
    """A pipeline from YAML text; ``path`` is for messages only."""
    try:
        tree, root = read_yaml(text)
    except YamlProblem as wrong:
        raise PipelineFileError(path, str(wrong), line=wrong.line) from None
    if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
        raise PipelineFileError(path, "expected YAML without aliases (*name); write it out")
    if not isinstance(tree, dict):
        raise PipelineFileError(path, "expected keys such as 'pipeline:' and 'inputs:'", line=1)
    try:
        return Pipeline.model_validate(tree)
    except ValidationError as error:
        problem = explain(error, Pipeline)[0]
        line = _line_of(root, problem)
        raise PipelineFileError(path, f"{problem.key}: {problem.message}", line=line) from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise PipelineFileError(path, f"cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise PipelineFileError(path, "expected UTF-8 text, got other bytes") from None


def _line_of(root: yaml.Node | None, problem: Problem) -> int | None:
    """Line of the deepest key on the problem's path that the file has."""
    node, line = root, root.start_mark.line + 1 if root else None
    for part in problem.path:
        if isinstance(node, yaml.MappingNode):
            pairs = {key.value: (key, value) for key, value in node.value}
            if str(part) not in pairs:
                break
            key, node = pairs[str(part)]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            if part >= len(node.value):
                break
            node = node.value[part]
            line = node.start_mark.line + 1
    return line
