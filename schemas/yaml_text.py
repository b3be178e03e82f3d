"""YAML that people write: what is wrong with it in one line, and no key twice."""

from __future__ import annotations

from collections.abc import Iterator

import yaml


class YamlProblem(ValueError):
    """Text that is no YAML, or gives a key twice. The message repeats no value: it may be secret.

    ``line`` counts from 1; ``None`` where the text as a whole is at fault.
    """

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.line = line

    def at(self, path: object) -> str:
        """The whole message, with the file that it is about."""
        return f"{path}: {self}" if self.line is None else f"{path}:{self.line}: {self}"


def read_yaml(text: str) -> tuple[object, yaml.Node | None]:
    """What YAML text holds, and its nodes, which know their lines. Raises ``YamlProblem``."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        tree = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        raise YamlProblem(f"expected YAML ({error.problem})", line) from None
    except yaml.YAMLError as error:
        raise YamlProblem(f"expected YAML ({' '.join(str(error).split())})", None) from None
    for line, key in _repeated_keys(root, set()):
        raise YamlProblem(f"{key}: the key is given twice", line)
    return tree, root


def _repeated_keys(node: yaml.Node | None, visited: set[int]) -> Iterator[tuple[int, str]]:
    if id(node) in visited:
        # An alias leads to a node that was looked through, or to the one that it lies in.
        return
    visited.add(id(node))
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                yield key.start_mark.line + 1, str(key.value)
            seen.add(key.value)
            yield from _repeated_keys(value, visited)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated_keys(item, visited)
