"""What a user sees when a command fails: one line on standard error and an exit status.

2: the call or the configuration is wrong. 1: the work failed. 130: Ctrl-C. 143: SIGTERM. Any other
exception is a bug of ours and keeps its traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from schemas.errors import PipelineFileError, SchemaError, SettingsError
from streams.errors import FeedError, StreamError
from workers.errors import ModelError, WorkerError

WRONG_USAGE = 2
FAILED = 1
#: 128 + SIGINT and 128 + SIGTERM, as a shell has them.
INTERRUPTED = 130
TERMINATED = 143


class WrongUsage(WorkerError):
    """An argument that cannot be used; the message names it, expected and got."""


class WorkFailed(WorkerError):
    """A command could not do all of what it was asked for."""


#: Errors that only a change of the configuration can mend.
_CONFIGURATION = (SettingsError, PipelineFileError, ModelError, WrongUsage)
_EXPECTED = (SchemaError, StreamError, WorkerError)


def exit_status(error: BaseException) -> int | None:
    """The exit status for an error that users can meet; ``None`` for one that is a bug."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, typer.TyperException):
        return error.exit_code
    if isinstance(error, _CONFIGURATION):
        return WRONG_USAGE
    if isinstance(error, _EXPECTED) or _is_client_error(error):
        return FAILED
    if isinstance(error, OSError):
        return FAILED
    return None


def one_line(error: BaseException) -> str:
    """The error's message on one line; of several lines, only the first and a log's path."""
    if isinstance(error, typer.TyperException):
        text = " ".join(error.format_message().split()).rstrip(".")
        context = getattr(error, "ctx", None)
        return f"{text}; see `{context.command_path} --help`" if context else text
    lines = str(error).splitlines() or [type(error).__name__]
    log_path = getattr(error, "log_path", None)
    text = " ".join(lines[0].split())
    return f"{text} (log: {log_path})" if log_path is not None else text


def complain(message: str) -> None:
    """Print one line on standard error."""
    print(f"sensorium: {message}", file=sys.stderr, flush=True)  # noqa: T201


@contextmanager
def as_wrong_usage() -> Iterator[None]:
    """Turn a ``FeedError`` over what the user asked for into ``WrongUsage``."""
    try:
        yield
    except FeedError as error:
        raise WrongUsage(str(error)) from None


def _is_client_error(error: BaseException) -> bool:
    """Whether a Kafka or Redis client raised it; looked up by module, to import neither."""
    return any(
        kind.__module__.partition(".")[0] in ("aiokafka", "kafka", "redis")
        and kind.__name__ in ("KafkaError", "RedisError")
        for kind in type(error).__mro__
    )
