"""What pydantic expected, in the words of someone who writes YAML."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

#: Type of a finding -> what was expected; the fields are those of the finding's context.
_EXPECTED: Mapping[str, str] = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "keys and their values",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number of at most {le}",
    "list_type": "a list",
    "model_type": "keys and their values",
    "path_type": "a path",
    "string_too_long": "text of at most {max_length} characters",
    "string_too_short": "text of at least {min_length} characters",
    "string_type": "text",
    "too_long": "at most {max_length} entries",
    "too_short": "at least {min_length} entries",
    "tuple_type": "a list",
}
#: In the messages of pydantic that are left as they are.
_LEADS = ("input should be ", "string should ")


def expected(details: Any) -> str:
    """What a finding says was expected."""
    words = _EXPECTED.get(details["type"])
    if words is not None:
        # Not "0.0", nor "1.4e+07".
        context = {
            name: int(value) if isinstance(value, float) and value.is_integer() else value
            for name, value in details.get("ctx", {}).items()
        }
        words = words.format(**context)
        # "1 entries" and "1 characters" of what the context counts.
        return "expected " + re.sub(r"\b1 (entr|character)(ies|s)$", _one, words)
    message: str = details["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    for lead in _LEADS:
        if message.startswith(lead):
            return "expected " + message.removeprefix(lead)
    return message


def remedy(details: Any) -> str:
    """What to do about a value that is not what was expected, where that is not plain from it."""
    value, kind = details["input"], details["type"]
    if kind == "string_type" and isinstance(value, (int, float)):
        return "; put it in quotes"
    if kind in ("literal_error", "enum"):
        return closest(value, re.findall("'([^']*)'", details["ctx"]["expected"]))
    return ""


def closest(value: object, words: Iterable[str]) -> str:
    """The word that was probably meant, where there is one."""
    close = difflib.get_close_matches(str(value), list(words), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def one_of(words: Iterable[str]) -> str:
    """``'a', 'b' or 'c'``."""
    *most, last = (repr(word) for word in words)
    return f"{', '.join(most)} or {last}" if most else last


def _one(found: re.Match[str]) -> str:
    return "1 " + {"entr": "entry", "character": "character"}[found[1]]
