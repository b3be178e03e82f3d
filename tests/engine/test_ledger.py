from __future__ import annotations

from streams.engine.ledger import Ledger
from streams.records import Chunk, Record, TopicPartition

TP = TopicPartition("t", 0)
OTHER = TopicPartition("t", 1)


def held(*tps: TopicPartition, at: int = 5) -> Ledger:
    ledger = Ledger()
    ledger.hold(dict.fromkeys(tps, at), ledger.next_generation())
    return ledger


def chunk(generation: int) -> Chunk:
    return Chunk(TP, generation, [Record("t", 0, 0, 0, None, b"")])


def test_nothing_is_due_before_something_is_declared() -> None:
    assert held(TP).due() == {}


def test_what_is_declared_is_due_and_nothing_else() -> None:
    ledger = held(TP, OTHER)
    ledger.declare({TP: 8})
    assert ledger.due() == {TP: 8}


def test_a_declaration_that_goes_backwards_is_ignored() -> None:
    ledger = held(TP)
    ledger.declare({TP: 8})
    ledger.declare({TP: 6})
    assert ledger.due() == {TP: 8}


def test_a_declaration_behind_the_committed_offset_is_ignored() -> None:
    ledger = held(TP, at=5)
    ledger.declare({TP: 3})
    assert ledger.due() == {}


def test_a_declaration_for_a_partition_of_another_worker_is_ignored() -> None:
    ledger = held(TP)
    ledger.declare({OTHER: 8})
    assert ledger.due() == {}


def test_what_was_declared_in_an_earlier_assignment_is_forgotten() -> None:
    ledger = held(TP)
    ledger.declare({TP: 8})
    ledger.release([TP])
    ledger.hold({TP: 5}, ledger.next_generation())
    assert ledger.due() == {}


def test_what_was_committed_is_no_longer_due() -> None:
    ledger = held(TP)
    ledger.declare({TP: 8})
    ledger.note_committed({TP: 8})
    assert ledger.due() == {}


def test_what_was_declared_while_a_commit_was_under_way_stays_due() -> None:
    ledger = held(TP)
    ledger.declare({TP: 8})
    under_way = ledger.due()
    ledger.declare({TP: 9})
    ledger.note_committed(under_way)
    assert ledger.due() == {TP: 9}


def test_a_released_partition_has_no_generation() -> None:
    ledger = held(TP)
    ledger.release([TP])
    assert ledger.generation(TP) is None


def test_a_chunk_of_the_present_generation_is_current() -> None:
    assert held(TP).is_current(chunk(1))


def test_a_chunk_read_before_a_rewind_is_stale() -> None:
    ledger = held(TP)
    ledger.renew([TP], ledger.next_generation())
    assert not ledger.is_current(chunk(1))


def test_a_rewind_leaves_what_is_declared_alone() -> None:
    ledger = held(TP)
    ledger.declare({TP: 8})
    ledger.renew([TP], ledger.next_generation())
    assert ledger.due() == {TP: 8}


def test_a_partition_assigned_again_never_has_a_generation_it_had_before() -> None:
    ledger = held(TP)
    first = ledger.generation(TP)
    ledger.release([TP])
    ledger.hold({TP: 0}, ledger.next_generation())
    assert ledger.generation(TP) not in (None, first)


def test_owned_can_be_asked_by_partition_number() -> None:
    ledger = held(TP, OTHER, TopicPartition("u", 1))
    assert ledger.owned(1) == [OTHER, TopicPartition("u", 1)]
