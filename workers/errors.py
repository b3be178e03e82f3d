"""Errors of compute and of the commands that start it.

WorkerError
├── CodecError           one payload cannot be decoded (carries a stable ``reason``)
├── ModelError           a model cannot be used: missing, damaged, or not what the pipeline asks for
├── NonFiniteError       a model answered NaN or infinity
├── AnswerError          what a class of one's own gives is no feature, or no answer of its tasks
├── DeviceError          the asked-for device is not there or failed
├── RemoteError          a model behind a server did not answer, or not with an answer
│   └── RequestRefused   it refused what it was sent
├── TrainError           a training run cannot start or came out unusable
│   ├── PlanError        its model's plan asks for what data, pipeline or network do not have
│   └── PartError        one part of a model refuses an option, or what it is to be fitted to
├── CalibrationError     a calibration file is missing, damaged, or of none of the known kinds
├── DataSetError         a data set's files are missing, damaged, or not what its importer expects
├── EvaluationError      a model cannot be judged as asked: folds, inputs, metrics, or the stream
├── OfflineError         windows of a recording cannot be written or read back
├── ViewError            a picture cannot be drawn or saved
├── TrackingError        a tracker's parameters or a session's saved tracks cannot be read
└── InsightError         an answer that was asked about is not there to explain
"""

from __future__ import annotations

from streams.errors import ModelUnanswered
from workers.remedies import with_remedy


class WorkerError(Exception):
    """Base of every error that ``workers`` raises. The message names expected, got, and remedy."""

    #: Whether the same call may succeed later without anyone changing anything.
    retriable = False
    #: Whether it can be the fault of a sample or window in the batch; the batch is then searched.
    blames_item = True


class CodecError(WorkerError):
    """One payload that is not what its content type says; it becomes a ``BadSample``.

    ``reason`` is a short stable word for metrics and dead-letter headers, from which it follows
    what the message says is to be done; the message holds no payload bytes.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(with_remedy(reason, message))
        self.reason = reason


class ModelError(WorkerError):
    """A model that cannot be used; ``model`` is the name or folder that was asked for."""

    blames_item = False

    def __init__(self, model: str, message: str) -> None:
        super().__init__(f"model {model!r}: {message}")
        self.model = model


class NonFiniteError(WorkerError):
    """A model's output holds NaN or infinity for something in the batch: an error, no result."""


class AnswerError(WorkerError):
    """A class of one's own gave something for a sample or window that is none of what it promises.

    The message names the call, expected and got, and holds nothing of a sample.
    """


class DeviceError(WorkerError):
    """The device is not there, or it failed while a batch ran on it.

    Never the fault of a sample: the batch has to be tried again, here or on another worker.
    """

    retriable = True
    blames_item = False


class RemoteError(WorkerError, ModelUnanswered):
    """A model behind a server did not answer in time, or what came is no answer.

    Never the fault of a sample: the same is asked again, or a fall-back answers. ``retriable`` is
    False where the server refuses for good (a wrong key, a model that it does not have).
    """

    blames_item = False

    def __init__(self, server: str, message: str, *, retriable: bool = True) -> None:
        super().__init__(f"{server}: {message}")
        self.server = server
        self.retriable = retriable


class RequestRefused(RemoteError):
    """The server refuses this request for what is in it, and would refuse it again."""

    blames_item = True

    def __init__(self, server: str, message: str) -> None:
        super().__init__(server, message, retriable=False)


class TrainError(WorkerError):
    """A training run cannot start or came out unusable."""


class PlanError(TrainError):
    """A model's plan that cannot be followed; ``key`` lies below ``model``, ``problem`` says what
    was expected and what came.

    A ``file`` is not known where a plan was made by a program.
    """

    def __init__(self, key: str, problem: str, file: str = "plan") -> None:
        super().__init__(f"{file}: model.{key}: {problem}")
        self.key = key
        self.problem = problem

    def of_file(self, file: str) -> PlanError:
        """The same about the plan that lies there."""
        return PlanError(self.key, self.problem, file)


class PartError(TrainError):
    """A part of a model refuses what it was given. Whoever makes the part knows which key of the
    plan it is, and makes a ``PlanError`` of it; ``option`` is the key below that one.
    """

    def __init__(self, problem: str, option: str | None = None) -> None:
        super().__init__(problem if option is None else f"{option}: {problem}")
        self.problem = problem
        self.option = option


class CalibrationError(WorkerError):
    """A file that says where sensors are cannot be used."""


class DataSetError(WorkerError):
    """A data set cannot be read, or its labels do not fit its samples."""


class EvaluationError(WorkerError):
    """A model cannot be judged as it was asked for, or the stream did not answer as it should."""


class OfflineError(WorkerError):
    """Windows of a recording cannot be written or read back; the message names the folder."""


class ViewError(WorkerError):
    """Pictures cannot be made of what was asked for, or not be saved."""


class TrackingError(WorkerError):
    """Parameters of a tracker, or the tracks of a session, that cannot be read."""

    blames_item = False


class InsightError(WorkerError):
    """An answer cannot be explained: the result or the model has no such task or label.

    ``retriable`` where the result is not on its topic, or not yet.
    """

    def __init__(self, message: str, *, retriable: bool = False) -> None:
        super().__init__(message)
        self.retriable = retriable
