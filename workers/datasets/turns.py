"""Conversations that are written down with who speaks, a turn a second."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from streams.feed.item import FeedItem
from workers.datasets.making import second, segment

INPUT = "dialogue"
SENSOR = "asr"
#: ``Doctor: …`` or ``[doctor] …``.
_TURN = re.compile(r"^\s*(?:\[([A-Za-z]\w{0,30})\]|([A-Z][A-Za-z_0-9 ]{0,30}):)\s*(.*)$")


class Turn(NamedTuple):
    """What one person says until another does."""

    speaker: str
    text: str


def turns(dialogue: str) -> list[Turn]:
    r"""Take a written conversation apart; a line without a speaker goes on with the one before.

    >>> turns("Doctor: Any pain?\nPatient: No.\nNone at all.")
    [Turn(speaker='doctor', text='Any pain?'), Turn(speaker='patient', text='No. None at all.')]
    """
    found: list[Turn] = []
    for line in dialogue.splitlines():
        text = " ".join(line.split())
        match = _TURN.match(text)
        if match is not None:
            found.append(Turn((match[1] or match[2]).lower(), match[3]))
        elif text and found:
            found[-1] = Turn(found[-1].speaker, f"{found[-1].text} {text}".strip())
        elif text:
            found.append(Turn("", text))
    return [turn for turn in found if turn.text]


def play_turns(session: str, said: Sequence[Turn]) -> Iterator[FeedItem]:
    """Turn k lasts from second k to k + 1."""
    for number, turn in enumerate(said):
        yield segment(
            session,
            INPUT,
            SENSOR,
            second(number),
            second(number + 1),
            turn.text,
            turn.speaker,
            number,
        )
