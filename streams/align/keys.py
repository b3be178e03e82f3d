"""Names of a shard's keys in Redis.

All keys of a shard share one hash tag, so that Redis Cluster keeps them in one slot and a script
may touch them all:

============  =====  ===============================================================================
``meta``      hash   owner, ver (of the last write), spec's digest; first, entries: which entries
                     the journal has; saves: how many there are; ``a:<input>`` next offset
``journal``   list   what happened, in order: ``journal.Step``, several an entry
``saves``     hash   session -> ``journal.Saved``, as of an entry; under an empty name what belongs
                     to no session
============  =====  ===============================================================================

The journal has every entry that some session needs after its save, and is cut short as sessions
are saved anew: see ``tenancy``.
"""

from __future__ import annotations

#: Changes with the layout of what is kept, and drops what was kept in another.
LAYOUT = "journal-2"


def shard_prefix(pipeline: str, shard: int) -> str:
    """What every key of a shard begins with."""
    return f"sensorium:{{{pipeline}:{shard}}}:"


def shard_keys(pipeline: str, shard: int) -> tuple[str, str, str]:
    """The keys ``meta``, ``journal`` and ``saves``, as every script gets them."""
    prefix = shard_prefix(pipeline, shard)
    return prefix + "meta", prefix + "journal", prefix + "saves"
