"""Recordings aligned without a broker: the windows that a worker would fuse, as files.

``run`` takes a recording through the path of the stream (``intake``, ``timeline``) into a folder
of shards (``columns``, ``formats``, ``sink``); ``reader`` gives the windows back; ``canonical``
says when two windows are the same.
"""

from workers.offline.canonical import canonical, digest
from workers.offline.reader import read_index, read_windows

__all__ = ["canonical", "digest", "read_index", "read_windows"]
