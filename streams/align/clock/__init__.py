"""Event times put right: fixed offsets, and clocks estimated from when records arrived.

``points`` finds a clock's line under the quickest records, ``sensor`` decides by what a sensor's
next record is corrected, ``session`` and ``shard`` keep the states, ``rules`` reads the pipeline
file.
"""

from streams.align.clock.rules import (
    ClockRule,
    Corrected,
    InputClocks,
    clock_rules,
    correction_of,
    corrects,
    needs_state,
)
from streams.align.clock.session import SessionClocks
from streams.align.clock.shard import ShardClocks

__all__ = [
    "ClockRule",
    "Corrected",
    "InputClocks",
    "SessionClocks",
    "ShardClocks",
    "clock_rules",
    "correction_of",
    "corrects",
    "needs_state",
]
