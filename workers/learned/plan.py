"""The plan of a learned model: what it is made of, without its weights."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SerializeAsAny, model_validator

from schemas.inputs import Name
from schemas.strict import Strict
from workers.learned.kinds import CONTEXTS, ENCODERS, FUSIONS, read_options

Share = Annotated[float, Field(ge=0.0, lt=1.0)]


class EncoderOptions(Strict):
    """What every encoder's options have; each kind adds its own."""

    kind: str


class SessionNormPlan(Strict):
    """Features of a session relative to what has been heard in it, see ``SessionNorm``.

    ``prior``: how much the training samples count beside the session's own, in the unit of the
    features' weight (seconds of voice). ``least``: weight from which on a step is there at all.
    """

    prior: float = Field(default=3.0, gt=0.0)
    least: float = Field(default=0.25, gt=0.0)


class ProjectionPlan(Strict):
    """From an input's features to the width of fusion: ``hidden`` layers between, then pooling
    of the samples of one step.

    ``input_dropout`` is of features, ``dropout`` of what each layer makes of them; ``noise`` is the
    standard deviation of what is added to features while training. ``blend``: while training,
    features are moved towards those of another sample of the batch by up to this share of the way,
    see ``workers.learned.blending``. With ``session``, the samples of a step are made one before
    the layers; otherwise ``pool`` does so after them. Without ``norm`` the last layer is not
    normalised, so that without hidden ones all is linear.
    """

    hidden: tuple[Annotated[int, Field(gt=0, le=4096)], ...] = ()
    input_dropout: Share = 0.0
    dropout: Share = 0.0
    noise: float = Field(default=0.0, ge=0.0)
    blend: float = Field(default=0.0, ge=0.0, le=4.0)
    pool: Literal["mean", "attention"] = "mean"
    norm: bool = True
    session: SessionNormPlan | None = None


class FusionOptions(Strict):
    """What every form of fusion has; each adds its own."""

    form: str
    width: int = Field(default=64, gt=0, le=2048)
    dropout: Share = 0.0


class ContextOptions(Strict):
    """What every kind of context has. ``steps``: of a window, equally long; the last one is judged.

    ``where``: each input has a context of its own, or what was ``fused`` in each step has one.
    """

    kind: str
    steps: int = Field(default=1, ge=1, le=64)
    where: Literal["inputs", "fused"] = "inputs"
    dropout: Share = 0.0


class OutOfScope(Strict):
    """Which label of a task means that none of the others applies, and how readily it is answered.

    ``threshold`` is added to its probability before all are divided by their sum: it is answered
    where no other label's probability is larger by as much. A task that has no example of it
    thereby refuses what it is less sure of than ``threshold``.
    """

    label: str
    threshold: float = Field(default=0.0, ge=0.0, le=1.0)


class TaskPlan(Strict):
    """A task's labels in the order of its logits, and how much and how its errors count.

    ``balanced``: each label counts alike, however often it occurs. ``inputs``: those that the task
    rests on, all of them where none is named; without a sample of any that is named the task is not
    answered.
    """

    labels: tuple[str, ...] = Field(min_length=2)
    loss: Literal["plain", "balanced"] = "plain"
    label_smoothing: Share = 0.0
    weight: float = Field(default=1.0, gt=0.0)
    out_of_scope: OutOfScope | None = None
    inputs: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> TaskPlan:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError(f"labels: expected each once, got {', '.join(self.labels)}")
        if self.out_of_scope is not None and self.out_of_scope.label not in self.labels:
            raise ValueError(
                f"out_of_scope.label: expected one of {', '.join(self.labels)}, got "
                f"{self.out_of_scope.label!r}"
            )
        return self


class RulePlan(Strict):
    """A task that a published rule answers from one input, whose encoder is of the same ``kind``;
    where the input tells nothing the task is not answered.
    """

    kind: Literal["news2"]
    input: Name


AnyEncoder = Annotated[
    SerializeAsAny[EncoderOptions],
    BeforeValidator(lambda value: read_options(ENCODERS, "kind", value)),
]
AnyFusion = Annotated[
    SerializeAsAny[FusionOptions],
    BeforeValidator(lambda value: read_options(FUSIONS, "form", value)),
]
AnyContext = Annotated[
    SerializeAsAny[ContextOptions],
    BeforeValidator(lambda value: read_options(CONTEXTS, "kind", value)),
]


class ModelPlan(Strict):
    """A whole model: an encoder for each input of the pipeline that it takes, and what follows.

    ``projections``: of inputs that differ from ``projection``. ``rules``: tasks that are not
    learned. ``members``: how many networks over the features answer together, see
    ``workers.learned.members``.
    """

    encoders: dict[Name, AnyEncoder] = Field(min_length=1)
    projection: ProjectionPlan = ProjectionPlan()
    projections: dict[Name, ProjectionPlan] = Field(default_factory=dict)
    fusion: AnyFusion = Field(default_factory=lambda: _default("fusion"), validate_default=True)
    context: AnyContext = Field(default_factory=lambda: _default("context"), validate_default=True)
    tasks: dict[Name, TaskPlan] = Field(min_length=1)
    members: int = Field(default=1, ge=1, le=16)
    rules: dict[Name, RulePlan] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> ModelPlan:
        for task, plan in self.tasks.items():
            unknown = sorted(set(plan.inputs) - set(self.encoders))
            if unknown:
                raise ValueError(
                    f"tasks.{task}.inputs: expected some of {', '.join(self.encoders)}, got "
                    f"{', '.join(unknown)}"
                )
        for task, rule in self.rules.items():
            encoder = self.encoders.get(rule.input)
            if encoder is None or encoder.kind != rule.kind:
                raise ValueError(
                    f"rules.{task}.input: expected an input with an encoder of kind {rule.kind}"
                )
            if task in self.tasks:
                raise ValueError(f"rules.{task}: expected a name that no learned task has")
        for name in self.projections:
            if name not in self.encoders:
                raise ValueError(
                    f"projections.{name}: expected an input that has an encoder: "
                    f"{', '.join(self.encoders)}"
                )
        return self

    @property
    def inputs(self) -> tuple[str, ...]:
        """The inputs in the order in which the network has them."""
        return tuple(sorted(self.encoders))

    def projection_of(self, name: str) -> ProjectionPlan:
        """How one input's features are projected."""
        return self.projections.get(name, self.projection)


def _default(part: Literal["fusion", "context"]) -> object:
    return {"form": "attention"} if part == "fusion" else {"kind": "none"}
