"""Names of a shard's keys in Redis.

All keys of a shard share one hash tag, so that Redis Cluster keeps them in one slot and a script
may touch them all. The scripts build them from the prefix:

======================  =======  ==============================================================
``meta``                hash     owner, ver, spec, due, out, open; ``a:<input>`` next offset
``deadlines``           zset     every session by the wall time of its next look
``ready``               zset     sessions with a due window and no lease, by its completion
``leases``              zset     sessions by the wall time at which their lease ends
``tombs``               hash     expired session -> newest closed window, event state
``graves``              zset     the sessions of ``tombs`` by the time they expired
``hold:<input>``        zset     windows by the lowest offset they keep from being committed
``late:<input>``        zset     late samples not yet published, by offset
``why:<input>``         hash     the same: offset -> reason and distance
``done:<input>``        set      offsets that a published result has (after a restore)
``s:<session>``         hash     ``st`` sensors and bounds, ``ev`` event state, one per window
``o:<session>``         zset     its windows, open and due, by index
``w:<index>:<session>`` list     a window's samples, several elements per batch
======================  =======  ==============================================================
"""

from __future__ import annotations


def shard_prefix(pipeline: str, shard: int) -> str:
    """What every key of a shard begins with."""
    return f"sensorium:{{{pipeline}:{shard}}}:"


def meta_key(pipeline: str, shard: int) -> str:
    """The key that every script is routed by."""
    return shard_prefix(pipeline, shard) + "meta"
