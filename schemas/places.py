"""Where in a model type a location of pydantic's lies: the keys as written, and what may be there.

Pydantic puts the member of a union that it tried into a location, between the keys: the user wrote
no such key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeGuard, Union, get_args, get_origin

from pydantic import BaseModel

#: What tells the members of our unions apart.
TAG = "kind"
#: How pydantic says that a mapping's key is at fault, and not the value below it.
_KEY = "[key]"


@dataclass(frozen=True, slots=True)
class Place:
    """``path``: the keys as a user writes them. ``beside``: the keys that there are where the last
    one stands. ``kinds``: what the section may be, where it is one of several kinds.
    """

    path: tuple[str | int, ...]
    beside: tuple[str, ...]
    kinds: tuple[str, ...]
    #: Whether it is one of the types that a value may be of.
    alternative: bool


def place(model: type[BaseModel], location: tuple[str | int, ...]) -> Place:
    """What there is at a location of a finding about ``model``."""
    at: Any = model
    path: list[str | int] = []
    beside: tuple[str, ...] = ()
    alternative = False
    for part in location:
        members = _members(at)
        if len(members) > 1:
            alternative = not (kinds := _by_kind(members))
            at = kinds.get(str(part))
        elif part != _KEY:
            path.append(part)
            parent = members[0] if members else None
            beside = tuple(sorted(parent.model_fields)) if _is_model(parent) else ()
            at = _below(parent, part)
    return Place(tuple(path), beside, tuple(_by_kind(_members(at))), alternative)


def _members(annotation: Any) -> tuple[Any, ...]:
    """The types that a value may be of, apart from none at all."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        every = [_members(each) for each in get_args(annotation) if each is not NoneType]
        return tuple(member for members in every for member in members)
    return () if annotation is None else (annotation,)


def _by_kind(members: tuple[Any, ...]) -> Mapping[str, Any]:
    """Kind -> member, of the members of a union that is told apart by ``TAG``."""
    found: dict[str, Any] = {}
    for member in members if len(members) > 1 else ():
        if not _is_model(member) or TAG not in member.model_fields:
            return {}
        tag = member.model_fields[TAG].annotation
        found |= dict.fromkeys(get_args(tag) if get_origin(tag) is Literal else (), member)
    return found


def _below(parent: Any, part: str | int) -> Any:
    if _is_model(parent):
        field = parent.model_fields.get(str(part))
        return None if field is None else field.annotation
    arguments = get_args(parent)
    if get_origin(parent) is dict:
        return arguments[1]
    if get_origin(parent) in (tuple, list):
        return arguments[0]
    return None


def _is_model(annotation: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
