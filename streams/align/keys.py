"""Names of a shard's keys in Redis.

All keys of a shard share one hash tag, so that Redis Cluster keeps them in one slot and a script
may touch them all. The scripts build them from the prefix:

======================  =======  ==============================================================
``meta``                hash     owner, ver, spec's digest; counters due, out, open, early,
                                 ends, size (bytes), full; ``a:<input>`` next offset
``deadlines``           zset     every session by the wall time of its next look
``ready``               zset     sessions with a due window and no lease, by its completion
``early``               zset     sessions with an early result or their end to be made, all at 0
``leases``              zset     sessions by the wall time at which their lease ends
``tombs``               hash     forgotten session -> newest closed window, event state
``graves``              zset     the sessions of ``tombs`` by the time they were forgotten
``notes``               hash     session -> state of its clocks, where one is estimated
``hold:<input>``        zset     sessions by the lowest offset they keep from being committed
``late:<input>``        zset     late samples not yet published, by offset
``why:<input>``         hash     the same: offset -> distance and reason
``done:<input>``        zset     offsets that a published result has (after a restore)
``s:<session>``         string   bounds, watermark, sensors, tiles' sums, triggers, held values
                                 without their bytes, revisions, closings: packed
``e:<session>``         string   event state, where an event is open or about to be
``h:<session>``         hash     ``<position of the input>:<offset>`` -> a held value's record
``w:<tile>:<session>``  list     a tile's records: per run its prefix, then its records
======================  =======  ==============================================================

``s:<session>`` and ``w:<tile>:<session>`` are all that most sessions have. A *run* is what one
batch brought of a sensor for a tile, or one record where records were taken one by one: 2 bytes
and the sensor's name, then per record 52 bytes and its feature. The prefix, 9 bytes, names the
input and the newest window that was closed when the run came.
"""

from __future__ import annotations


def shard_prefix(pipeline: str, shard: int) -> str:
    """What every key of a shard begins with."""
    return f"sensorium:{{{pipeline}:{shard}}}:"


def meta_key(pipeline: str, shard: int) -> str:
    """The key that every script is routed by."""
    return shard_prefix(pipeline, shard) + "meta"
