"""YAML that people write: its line, keys given twice, and aliases that go round."""

from __future__ import annotations

import pytest

from schemas.yaml_text import YamlProblem, read_yaml


def test_a_key_that_is_given_twice_is_named_with_its_line() -> None:
    with pytest.raises(YamlProblem, match=r"^b: the key is given twice$") as failed:
        read_yaml("a: {b: 1,\n  b: 2}\n")
    assert failed.value.line == 2


def test_an_alias_to_what_it_lies_in_ends() -> None:
    tree, _ = read_yaml("a: &a\n  b: *a\n")
    assert isinstance(tree, dict)
    assert tree["a"]["b"] is tree["a"]


def test_no_text_is_no_tree() -> None:
    assert read_yaml("") == (None, None)
