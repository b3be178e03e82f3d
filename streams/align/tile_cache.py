"""What this worker itself put into a shard's tiles: they need not be read back from Redis.

A tile is served from here only while it has as many elements here as in Redis. As long as the
shard is ours nobody else writes to it, so that then they are the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from streams.align.kept import Run

#: Bytes of features that are remembered per shard; beyond it, all is forgotten and read again.
MAX_BYTES = 32_000_000


class TileCache:
    """Elements of one shard's tiles, by session and tile."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        #: session -> tile -> what each of its elements holds, in order.
        self._sessions: dict[str, dict[int, list[Run]]] = {}
        self._max_bytes = max_bytes
        self._bytes = 0

    def add(self, session: str, tile: int, run: Run) -> None:
        """One more element of a tile."""
        self._bytes += run.size
        if self._bytes > self._max_bytes:
            self._sessions.clear()
            self._bytes = 0
            return
        tiles = self._sessions.get(session)
        if tiles is None:
            tiles = self._sessions[session] = {}
        found = tiles.get(tile)
        if found is None:
            tiles[tile] = [run]
        else:
            found.append(run)

    def put(self, session: str, tile: int, runs: Iterable[Run]) -> None:
        """All elements of a tile, as read from Redis."""
        self.drop(session, [tile])
        for run in runs:
            self.add(session, tile, run)

    def get(self, session: str, tile: int, elements: int) -> list[Run] | None:
        """The tile's elements, if all of them are here."""
        tiles = self._sessions.get(session)
        found = tiles.get(tile) if tiles else None
        return found if found is not None and len(found) == elements else None

    def drop(self, session: str, tiles: Iterable[int]) -> None:
        """Forget tiles whose elements were not written as a whole."""
        known = self._sessions.get(session, {})
        for tile in tiles:
            self._forget(known.pop(tile, ()))

    def drop_before(self, session: str, tile: float) -> None:
        """Forget tiles that Redis has forgotten: those before the first that is left."""
        known = self._sessions.get(session)
        if known is not None:
            for gone in [at for at in known if at < tile]:
                self._forget(known.pop(gone))
            if not known:
                del self._sessions[session]

    def _forget(self, runs: Iterable[Run]) -> None:
        self._bytes -= sum([run.size for run in runs])
