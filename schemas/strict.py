"""The base of what a person writes in YAML: unknown keys are errors, values do not change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, model_validator


class _NoNumber:
    """``true`` or ``false`` where a number belongs: refused as such, and shown as YAML has it."""

    def __init__(self, value: bool) -> None:
        self._value = value

    def __repr__(self) -> str:
        return str(self._value).lower()


class Strict(BaseModel):
    """Base of every section of a pipeline file, a plan or the settings."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _true_is_no_number(cls, data: Any) -> Any:
        # To pydantic true is 1, and so ``partitions: on`` would be one partition.
        if not isinstance(data, dict):
            return data
        fields = cls.model_fields
        return {
            key: _marked(value) if key in fields and _is_number(fields[key].annotation) else value
            for key, value in data.items()
        }


def _marked(value: object) -> object:
    if isinstance(value, list | tuple):
        return type(value)(_marked(each) for each in value)
    return _NoNumber(value) if isinstance(value, bool) else value


def _is_number(annotation: object) -> bool:
    """Whether it is one of numbers, or a list of them, and none of true and false."""
    kinds = set(_kinds(annotation))
    return bool not in kinds and bool(kinds & {int, float})


def _kinds(annotation: object) -> Iterator[object]:
    """The types that an annotation is made of: ``tuple[int, ...] | None`` -> int, NoneType."""
    parts = get_args(annotation)
    if not parts and isinstance(annotation, type):
        yield annotation
    for part in parts:
        yield from _kinds(part)
