"""Errors of time and transport.

StreamError
├── PublishError         a record was not acknowledged by the broker
├── BrokerUnreachable    no broker answered at the configured address
├── StoreUnreachable     Redis did not answer at the configured address
├── StateLost            Redis no longer holds what this worker wrote: rewind (control, see below)
├── Fenced               another worker has taken the shard over
├── ModelUnanswered      the model does not answer now (see ``streams.processor.waiting``)
├── TopicError           topics are missing or have the wrong partitions
├── FeedError            a file cannot be played
└── RecordError          a recording cannot be written
"""

from __future__ import annotations


class StreamError(Exception):
    """Base of every error that ``streams`` raises. The message names expected, got, and remedy."""

    #: Whether the same call may succeed later without anyone changing anything.
    retriable = False


class PublishError(StreamError):
    """The broker did not acknowledge a record; nothing built on it may be committed."""

    retriable = True


class BrokerUnreachable(StreamError):
    """No Kafka broker answered."""

    retriable = True


class StoreUnreachable(StreamError):
    """Redis did not answer."""

    retriable = True


class StateLost(StreamError):
    """The shard's state in Redis is gone or older than what this worker wrote.

    Handled by rewinding the shard to its committed offsets; nothing is lost.
    """

    def __init__(self, shard: int, message: str) -> None:
        super().__init__(f"shard {shard}: {message}")
        self.shard = shard


class Fenced(StreamError):
    """Another worker has claimed the shard. While the group still says that it is ours, we claim it
    back: the other may be one that was frozen and has not noticed yet.
    """

    def __init__(self, shard: int, message: str) -> None:
        super().__init__(f"shard {shard}: {message}")
        self.shard = shard


class ModelUnanswered(StreamError):
    """A model outside this process did not answer; what it was asked stays with us.

    Where it is ``retriable`` the call is made again until it is answered: nothing is lost, and
    nothing is guessed.
    """

    retriable = True


class TopicError(StreamError):
    """Topics are missing or do not have the configured partitions."""


class FeedError(StreamError):
    """A file cannot be played into a topic; the message names file and remedy."""


class RecordError(StreamError):
    """A recording cannot be written or made into another; the message names file and remedy."""
