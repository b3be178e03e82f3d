"""A folder of what events rest on, a page for each event, the oldest of which make room."""

from __future__ import annotations

import logging
from pathlib import Path

from schemas.event import Event, encode_event
from workers.insight.gallery import file_name
from workers.insight.inquiry import Inquiry
from workers.insight.on_request import save

log = logging.getLogger(__name__)

#: What tells a page from any other folder.
_MARK = "event.json"
#: What a page is made of; nothing else is ever removed.
_OWN = (".json", ".png")


class Album:
    """At most ``most_pages`` pages of at most ``most_bytes`` together, but for the newest page,
    which stays even where it alone is larger. Pages of earlier runs count.
    """

    def __init__(self, folder: Path, *, most_pages: int, most_bytes: int) -> None:
        self._folder = folder
        self._most_pages = most_pages
        self._most_bytes = most_bytes

    def keep(self, event: Event, inquiry: Inquiry) -> Path:
        """Add a page and remove old ones; returns the page's folder. An event that has a page
        gets it anew. Raises ``OSError`` where the folder cannot be written.
        """
        since = event.since.replace("-", "").replace(":", "")
        page = self._folder / file_name(f"{since}_{event.name}_{event.event_id}")
        save(inquiry, page)
        # Last, so that a page that has the mark is whole; its age counts from here.
        (page / _MARK).write_bytes(encode_event(event) + b"\n")
        self._make_room(page)
        return page

    def _make_room(self, newest: Path) -> None:
        pages = sorted(self._folder.glob(f"*/{_MARK}"), key=lambda mark: mark.stat().st_mtime_ns)
        old = [mark.parent for mark in pages if mark.parent != newest]
        sizes = {page: _size(page) for page in [*old, newest]}
        total = sum(sizes.values())
        while old and (len(old) + 1 > self._most_pages or total > self._most_bytes):
            page = old.pop(0)
            total -= sizes[page]
            _remove(page)


def _own(page: Path) -> list[Path]:
    return [path for path in page.iterdir() if path.suffix in _OWN and path.is_file()]


def _size(page: Path) -> int:
    return sum(path.stat().st_size for path in _own(page))


def _remove(page: Path) -> None:
    for path in _own(page):
        path.unlink(missing_ok=True)
    try:
        page.rmdir()
    except OSError:
        log.info("%s holds files that are none of ours, and stays with them", page)
