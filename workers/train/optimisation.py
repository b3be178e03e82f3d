"""How a plan's weights are found: optimiser, schedule, what is held back, when it ends."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.strict import Strict

Share = Annotated[float, Field(ge=0.0, lt=1.0)]
Metric = Literal["loss", "accuracy", "balanced_accuracy", "macro_f1"]


class Constant(Strict):
    """The learning rate stays as it is once it has risen over a share ``warmup`` of the steps."""

    kind: Literal["constant"] = "constant"
    warmup: Share = 0.0


class Cosine(Strict):
    """A linear rise over a share ``warmup`` of the steps, then a half cosine to the share ``end``.

    Loshchilov and Hutter, ICLR 2017.
    """

    kind: Literal["cosine"] = "cosine"
    warmup: Share = 0.1
    end: Share = 0.0


class Step(Strict):
    """Multiplied by ``factor`` every ``every`` epochs."""

    kind: Literal["step"] = "step"
    every: int = Field(default=10, gt=0)
    factor: float = Field(default=0.1, gt=0.0, lt=1.0)


class Plateau(Strict):
    """Multiplied by ``factor`` whenever the validation score has not been better for ``patience``
    epochs.
    """

    kind: Literal["plateau"] = "plateau"
    patience: int = Field(default=3, gt=0)
    factor: float = Field(default=0.5, gt=0.0, lt=1.0)


Schedule = Annotated[Constant | Cosine | Step | Plateau, Field(discriminator="kind")]


class Ema(Strict):
    """A moving average of the weights over the steps is what is kept."""

    kind: Literal["ema"] = "ema"
    decay: float = Field(default=0.99, gt=0.0, lt=1.0)


class Swa(Strict):
    """The mean of the weights after each epoch from ``start`` on (from 1) is what is kept.

    Izmailov et al., UAI 2018.
    """

    kind: Literal["swa"] = "swa"
    start: int = Field(default=1, gt=0)


Average = Annotated[Ema | Swa, Field(discriminator="kind")]


class EarlyStopping(Strict):
    """Which validation score says which epoch is kept, and how long a better one is waited for.

    ``task``: the score of one task; the mean over all that have labels without it. Without
    ``patience`` every epoch is run. Of equal scores the later epoch is kept.
    """

    metric: Metric = "loss"
    task: str | None = None
    patience: int | None = Field(default=None, gt=0)


class Optimisation(Strict):
    """Hyper-parameters of a run.

    ``modality_dropout``: how likely an input of a window is hidden for a step; never all of them.
    ``alone``: weight of a second loss, for which each window is answered from one of its inputs
    only. ``select``: without validation windows, or by choice, the last epoch is kept.
    ``encoder_learning_rate``: of encoders that are trained, where it differs.
    """

    optimizer: Literal["adam", "adamw", "sgd"] = "adamw"
    learning_rate: float = Field(default=1e-3, gt=0.0)
    encoder_learning_rate: float | None = Field(default=None, gt=0.0)
    momentum: Share = 0.9
    weight_decay: float = Field(default=0.01, ge=0.0)
    schedule: Schedule = Cosine()
    epochs: int = Field(default=30, gt=0, le=100_000)
    batch_windows: int = Field(default=32, gt=0, le=65_536)
    gradient_clip: float | None = Field(default=1.0, gt=0.0)
    modality_dropout: Share = 0.0
    alone: float = Field(default=0.0, ge=0.0)
    augment: bool = True
    average: Average | None = None
    early_stopping: EarlyStopping = EarlyStopping()
    select: Literal["best", "last"] = "best"

    @model_validator(mode="after")
    def _consistent(self) -> Optimisation:
        if isinstance(self.average, Swa) and self.average.start > self.epochs:
            raise ValueError(
                f"average.start: expected at most epochs ({self.epochs}), got {self.average.start}"
            )
        return self
