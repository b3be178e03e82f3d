"""What the aligner needs of a pipeline file, in whole microseconds and milliseconds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from schemas.inputs import Hold, InputSpec, Nearest
from schemas.pipeline import Pipeline
from schemas.units import US_PER_MS, to_us
from schemas.windows import WindowSpec
from streams.align.clock.rules import corrects

Matcher = Literal["collect", "overlap", "nearest", "hold"]
Overload = Literal["wait", "drop_oldest", "drop_newest"]


@dataclass(frozen=True, slots=True)
class InputRule:
    """How the sensors of one input are aligned.

    ``reference_us``, ``tolerance_us`` and ``exclusive`` matter to ``nearest`` only: the reference
    time is the window's start plus ``reference_us``. ``max_age_us`` matters to ``hold`` only.
    """

    name: str
    modality: str
    matcher: Matcher = "collect"
    lateness_us: int = 0
    idle_after_ms: int = 2_000
    sensors: tuple[str, ...] = ()
    expected: bool = True
    max_samples_per_window: int = 1_000
    reference_us: int = 0
    tolerance_us: int = 0
    exclusive: bool = False
    max_age_us: int = 0
    overload: Overload = "wait"
    #: Sensor -> its fixed clock correction; the input's own under the empty name, if any is
    #: corrected at all.
    fixed_us: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class AlignSpec:
    """Windows, inputs and caps of one pipeline.

    Without a ``trigger`` a window begins ``every_us`` so often (0: one after the other). With one,
    (input position, sensor), a window begins ``before_us`` before each of its samples.
    """

    pipeline: str
    size_us: int
    inputs: tuple[InputRule, ...]
    every_us: int = 0
    trigger: tuple[int, str] | None = None
    before_us: int = 0
    early_after_us: int | None = None
    allowed_lateness_us: int = 0
    on_late: bool = True
    session_timeout_ms: int = 600_000
    max_open_windows: int = 10_000
    max_sensors: int = 64
    max_window_bytes: int = 16_000_000
    max_session_bytes: int = 64_000_000
    #: What made the features; those of another encoder cannot be fused with these.
    encoder: str = ""
    #: Position of each input in ``inputs``; state refers to inputs by position.
    position: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.size_us <= 0:
            raise ValueError(f"size_us: expected more than 0, got {self.size_us}")
        if self.size_us % self.tile_us:
            raise ValueError(f"size_us: expected a multiple of every_us, got {self.size_us}")
        object.__setattr__(self, "position", {i.name: n for n, i in enumerate(self.inputs)})

    @cached_property
    def tile_us(self) -> int:
        """Length of the tiles that samples are kept in; a window is made of whole ones, except
        where it is triggered.
        """
        return self.every_us or self.size_us

    @cached_property
    def overhang_us(self) -> int:
        """How long after a window's end a sample may still be the nearest to its reference.

        One microsecond more than the farthest, which may still come when the watermark is there.
        Triggered and exclusive, the next triggers have to be known too: one of them may be nearer.
        """
        reach = (2 if self.trigger else 1, 1)
        return max(
            0,
            *(
                i.reference_us + reach[not i.exclusive] * i.tolerance_us + 1 - self.size_us
                for i in self.inputs
                if i.matcher == "nearest"
            ),
            0,
        )

    @cached_property
    def backward_us(self) -> int:
        """How long before a window's start a kept sample may matter to it."""
        return max(
            0,
            *(last_use_us(self, rule, 0) for rule in self.inputs),
            0,
        )

    @cached_property
    def is_plain(self) -> bool:
        """Whether every window is one tile of which every input gives all that it has."""
        return (
            self.trigger is None
            and self.tile_us == self.size_us
            and all(i.matcher in ("collect", "overlap") for i in self.inputs)
        )

    @cached_property
    def lateness_us(self) -> tuple[int, ...]:
        """Lateness of each input."""
        return tuple(rule.lateness_us for rule in self.inputs)

    @cached_property
    def owner(self) -> dict[str, int]:
        """Declared sensor -> position of its input."""
        return {s: n for n, rule in enumerate(self.inputs) for s in rule.sensors}

    @cached_property
    def revises(self) -> bool:
        """Whether a window may have results before its final one."""
        return self.early_after_us is not None or self.allowed_lateness_us > 0

    @cached_property
    def digest(self) -> str:
        """Changes with everything that stored state depends on; such a change drops the state."""
        shape: Sequence[object] = [
            (i.name, i.matcher, i.reference_us, i.tolerance_us, i.exclusive) for i in self.inputs
        ]
        windows = (self.size_us, self.every_us, self.trigger, self.before_us, self.revises)
        return hashlib.sha256(repr((windows, shape, self.encoder)).encode()).hexdigest()[:16]


def last_use_us(spec: AlignSpec, rule: InputRule, start_us: int) -> int:
    """Latest start that a window which uses a sample of this event time may have, before it is
    cut down to the starts that there are.
    """
    if rule.matcher != "nearest":
        return start_us
    reach_us = rule.tolerance_us
    if rule.exclusive:
        # What the window before would choose has to be known: see ``matchers.exclusive``.
        reach_us = max(
            reach_us,
            3 * rule.tolerance_us if spec.trigger else spec.tile_us + -(-spec.tile_us // 2),
        )
    return start_us + max(0, reach_us - rule.reference_us)


def from_pipeline(pipeline: Pipeline, encoder: str = "") -> AlignSpec:
    """The aligner's view of a pipeline file; ``encoder`` names what makes the features."""
    window, results, limits = pipeline.window, pipeline.results, pipeline.limits
    names = list(pipeline.inputs)
    trigger = next(
        (
            (names.index(name), window.sensor)
            for name, spec in pipeline.inputs.items()
            if window.sensor is not None and window.sensor in spec.sensors
        ),
        None,
    )
    return AlignSpec(
        pipeline=pipeline.pipeline,
        size_us=window.size_us,
        inputs=tuple(_input_rule(name, spec, window) for name, spec in pipeline.inputs.items()),
        every_us=window.every_us if window.kind == "sliding" else 0,
        trigger=trigger,
        before_us=window.before_us,
        early_after_us=None if results.early_after is None else to_us(results.early_after),
        allowed_lateness_us=to_us(results.allowed_lateness),
        on_late=results.on_late,
        session_timeout_ms=to_us(limits.session_timeout) // US_PER_MS,
        max_open_windows=limits.max_open_windows,
        max_sensors=limits.max_sensors,
        max_window_bytes=limits.max_window_bytes,
        max_session_bytes=limits.max_session_bytes,
        encoder=encoder,
    )


def _input_rule(name: str, spec: InputSpec, window: WindowSpec) -> InputRule:
    reference_us = tolerance_us = max_age_us = 0
    exclusive = False
    if isinstance(spec.matcher, Nearest):
        moments = {
            "start": 0,
            "middle": window.size_us // 2,
            "end": window.size_us,
            "trigger": window.before_us,
        }
        reference_us = moments[spec.matcher.reference]
        tolerance_us = to_us(spec.matcher.tolerance)
        exclusive = spec.matcher.exclusive
    elif isinstance(spec.matcher, Hold):
        max_age_us = to_us(spec.matcher.max_age)
    return InputRule(
        name=name,
        modality=str(spec.modality),
        matcher=spec.matcher.kind,
        lateness_us=spec.lateness_us,
        idle_after_ms=to_us(spec.idle_after) // US_PER_MS,
        sensors=spec.sensors,
        expected=spec.expected,
        max_samples_per_window=spec.max_samples_per_window,
        reference_us=reference_us,
        tolerance_us=tolerance_us,
        exclusive=exclusive,
        max_age_us=max_age_us,
        overload=spec.overload,
        fixed_us=_fixed_us(spec) if corrects(spec) else {},
    )


def _fixed_us(spec: InputSpec) -> dict[str, int]:
    own = {name: to_us(clock.offset) for name, clock in spec.sensor_clocks.items()}
    return {"": to_us(spec.clock.offset), **own}
