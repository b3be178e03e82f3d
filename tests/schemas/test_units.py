"""Literals of times and sizes: what a message suggests where one is wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from schemas.units import parse_duration, parse_signed_duration, parse_size


@pytest.mark.parametrize(
    ("parse", "example", "other"),
    [
        (parse_duration, "'500ms'", "MB"),
        (parse_signed_duration, "'500ms'", "MB"),
        (parse_size, "'4MB'", "ms"),
    ],
)
def test_a_wrong_literal_gets_an_example_of_its_own_kind(
    parse: Callable[[object], object], example: str, other: str
) -> None:
    with pytest.raises(ValueError, match=r"expected a (duration|size)") as caught:
        parse("4parsecs")
    assert example in str(caught.value)
    assert other not in str(caught.value)
