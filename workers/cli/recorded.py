"""Recorded topics as what `feed` and `align` play."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.cli.failures import WrongUsage, as_wrong_usage, complain

if TYPE_CHECKING:
    from schemas.pipeline import Pipeline
    from streams.feed.playable import Playable


def is_mcap(source: str) -> bool:
    """Whether a source is an MCAP file by its name."""
    return source.lower().endswith(".mcap")


def read_recorded(
    sources: list[str], pipeline: Pipeline, *, now_us: int, start: str, alone: bool
) -> Playable | None:
    """The sources as recorded topics; ``None`` where they are MCAP files of something else, whose
    channels are sensors like other files. ``alone``: nothing asks for further sessions.

    Complains of files that were cut short. Raises ``WrongUsage``.
    """
    from streams.feed.recorded import recorded_playable
    from streams.feed.sources import parse_source
    from streams.record.reader import contents

    with as_wrong_usage():
        files = [parse_source(source) for source in sources]
        paths = [file.path for file in files if is_mcap(str(file.path)) and file.input is None]
        kinds = [contents(path).is_recording for path in paths]
        if not any(kinds):
            return None
        if not all(kinds) or len(kinds) < len(sources):
            raise WrongUsage("expected recorded topics or other files, got both; play one by one")
        if not alone:
            raise WrongUsage(
                "--sessions, --apart: recorded topics have their own sessions; leave them out"
            )
        played, notes = recorded_playable(paths, pipeline, start=start, now_us=now_us)
    for note in notes:
        complain(note)
    return played
