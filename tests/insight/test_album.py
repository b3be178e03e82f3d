"""Pages of events on disk: bounded in number and bytes, and nothing of others' is removed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from schemas.event import Event
from tests.insight.test_terminal import hung, inquiry
from workers.insight.album import Album


def event(number: int) -> Event:
    return Event(
        id=f"c-{number}",
        event_id=f"e-{number}",
        action="opened",
        pipeline="rig",
        session="s-1",
        name="near",
        task="proximity",
        label="near",
        probability=0.9,
        peak_probability=0.9,
        since=f"2026-03-01T12:00:{number:02}Z",
        until="2026-03-01T12:01:00Z",
        windows=1,
        result_id="r",
    )


def fill(album: Album, count: int) -> list[Path]:
    """Pages of events one after the other; each is older than the next by a second."""
    pages = []
    for number in range(count):
        for made in pages:
            mark = made / "event.json"
            if mark.exists():
                age_ns = mark.stat().st_mtime_ns - 1_000_000_000
                os.utime(mark, ns=(age_ns, age_ns))
        pages.append(album.keep(event(number), inquiry(hung("cam", number, 1.0))))
    return pages


def there(pages: list[Path]) -> list[bool]:
    return [page.is_dir() for page in pages]


def test_a_page_has_the_event_the_insight_and_the_pictures(tmp_path: Path) -> None:
    (page,) = fill(Album(tmp_path, most_pages=9, most_bytes=10**9), 1)
    assert page.name == "20260301T120000Z_near_e-0"
    assert sorted(path.name for path in page.iterdir()) == ["cam-0.png", "event.json", "stem.json"]


def test_the_oldest_pages_make_room_for_new_ones(tmp_path: Path) -> None:
    pages = fill(Album(tmp_path, most_pages=2, most_bytes=10**9), 4)
    assert there(pages) == [False, False, True, True]


def test_bytes_are_bounded_too(tmp_path: Path) -> None:
    (page,) = fill(Album(tmp_path / "a", most_pages=9, most_bytes=10**9), 1)
    size = sum(path.stat().st_size for path in page.iterdir())
    pages = fill(Album(tmp_path / "b", most_pages=9, most_bytes=int(2.5 * size)), 4)
    assert there(pages) == [False, False, True, True]


def test_the_newest_page_stays_even_where_it_is_too_large(tmp_path: Path) -> None:
    pages = fill(Album(tmp_path, most_pages=9, most_bytes=1), 2)
    assert there(pages) == [False, True]


def test_an_event_that_comes_again_has_one_page(tmp_path: Path) -> None:
    album = Album(tmp_path, most_pages=9, most_bytes=10**9)
    assert fill(album, 1) == fill(album, 1)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("where", ["page", "beside"])
def test_what_is_not_ours_is_not_removed(where: str, tmp_path: Path) -> None:
    album = Album(tmp_path, most_pages=1, most_bytes=10**9)
    (page,) = fill(album, 1)
    kept = (page if where == "page" else tmp_path / "mine") / "notes.txt"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("mine")
    album.keep(event(7), inquiry(hung("cam", 7, 1.0)))
    assert kept.read_text() == "mine"
