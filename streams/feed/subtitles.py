"""SRT and WebVTT: cues with their times, tags stripped."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

#: Hours may be left out; both formats are met with comma and with dot; settings may follow.
_TIMING = re.compile(
    r"^\s*(?:(\d+):)?(\d{1,2}):(\d{2})[.,](\d{1,3})\s*-->\s*"
    r"(?:(\d+):)?(\d{1,2}):(\d{2})[.,](\d{1,3})(?:\s.*)?$"
)
#: ``<i>``, ``</font>``, ``<v.loud Ann>``, ``<00:01.500>`` and ``{\an8}``, but not ``a < b``.
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|</>|<[\d:.]+>|\{\\[^{}]*\}")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s+([^<>]+)>")
#: Blocks of WebVTT that are no cues.
_VTT_BLOCK = re.compile(r"^(NOTE|STYLE|REGION)(\s|$)")


@dataclass(frozen=True, slots=True)
class Cue:
    """One cue; ``line`` (from 1) is that of its timing, ``text`` is plain, on one line."""

    line: int
    start_us: int
    end_us: int
    text: str
    speaker: str | None = None


class CueError(ValueError):
    """A line that cannot be read; ``line`` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def _clock_us(hours: str | None, minutes: str, seconds: str, fraction: str) -> int:
    whole = (int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)
    return whole * 1_000_000 + int(fraction.ljust(6, "0"))


def _cue(line: int, timing: re.Match[str], body: list[str]) -> Cue | None:
    parts = timing.groups()
    start_us, end_us = _clock_us(*parts[:4]), _clock_us(*parts[4:])
    if end_us < start_us:
        raise CueError(line, "expected a cue that ends after it starts")
    raw = "\n".join(body)
    voice = _VOICE.search(raw)
    text = " ".join(html.unescape(_TAG.sub("", raw)).split())
    if not text:
        return None
    return Cue(line, start_us, end_us, text, html.unescape(voice[1].strip()) if voice else None)


def parse_cues(text: str, *, vtt: bool) -> list[Cue]:
    r"""The cues of a subtitle file, in its order; those without text are left out.

    Raises ``CueError`` for a timing that is none, a cue that ends before it starts, and WebVTT
    without its first line.

    >>> [c.text for c in parse_cues("1\n00:01,5 --> 00:02,000\n<i>Tom</i> &amp; Jo", vtt=False)]
    ['Tom & Jo']
    """
    lines = text.removeprefix("\ufeff").splitlines()
    if vtt and not (lines and re.match(r"WEBVTT(\s|$)", lines[0])):
        raise CueError(1, "expected the first line to be WEBVTT")
    cues: list[Cue] = []
    timing: tuple[int, re.Match[str]] | None = None
    body: list[str] = []
    skipping = vtt

    def close() -> None:
        nonlocal timing
        if timing is not None and (cue := _cue(*timing, body)) is not None:
            cues.append(cue)
        timing = None
        body.clear()

    for number, line in enumerate(lines, start=1):
        if "-->" in line and not skipping:
            matched = _TIMING.match(line)
            if matched is None:
                raise CueError(number, "expected a timing 00:00:01,000 --> 00:00:02,000")
            # The last line is the coming SRT cue's count, unless it is all the text there is.
            if len(body) > 1 and body[-1].strip().isdigit():
                body.pop()
            close()
            timing = (number, matched)
        elif not line.strip():
            if vtt:
                close()
            elif timing is not None:
                # SRT cues are met with empty lines inside; only the next timing ends one.
                body.append("")
            skipping = False
        elif timing is None:
            skipping = skipping or (vtt and bool(_VTT_BLOCK.match(line)))
        else:
            body.append(line)
    close()
    return cues
