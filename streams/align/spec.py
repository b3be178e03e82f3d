"""What the aligner needs of a pipeline file, in whole microseconds and milliseconds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from schemas.pipeline import InputSpec, Nearest, Pipeline
from schemas.units import US_PER_MS, to_us

#: The scripts keep one bit per input in a number, and Redis' numbers have 53.
MAX_INPUTS = 48


@dataclass(frozen=True, slots=True)
class InputRule:
    """How the sensors of one input are aligned.

    ``reference_us`` and ``tolerance_us`` matter to ``nearest`` only: the reference time is the
    window's start plus ``reference_us``.
    """

    name: str
    modality: str
    matcher: Literal["collect", "nearest"] = "collect"
    lateness_us: int = 0
    idle_after_ms: int = 2_000
    sensors: tuple[str, ...] = ()
    expected: bool = True
    max_samples_per_window: int = 1_000
    reference_us: int = 0
    tolerance_us: int = 0


@dataclass(frozen=True)
class AlignSpec:
    """Windows, inputs and caps of one pipeline."""

    pipeline: str
    size_us: int
    inputs: tuple[InputRule, ...]
    session_timeout_ms: int = 600_000
    max_open_windows: int = 10_000
    max_sensors: int = 64
    #: What made the features; those of another encoder cannot be fused with these.
    encoder: str = ""
    #: Position of each input in ``inputs``; state refers to inputs by position.
    position: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.size_us <= 0:
            raise ValueError(f"size_us: expected more than 0, got {self.size_us}")
        if len(self.inputs) > MAX_INPUTS:
            raise ValueError(f"inputs: expected at most {MAX_INPUTS}, got {len(self.inputs)}")
        object.__setattr__(self, "position", {i.name: n for n, i in enumerate(self.inputs)})

    @cached_property
    def overhang_us(self) -> int:
        """How long after a window's end a sample may still be the nearest to its reference."""
        return max(
            0,
            *(
                i.reference_us + i.tolerance_us - self.size_us if i.matcher == "nearest" else 0
                for i in self.inputs
            ),
        )

    @cached_property
    def digest(self) -> str:
        """Changes with everything that stored state depends on; such a change drops the state."""
        shape: Sequence[object] = [
            (i.name, i.matcher, i.reference_us, i.tolerance_us) for i in self.inputs
        ]
        return hashlib.sha256(repr((self.size_us, shape, self.encoder)).encode()).hexdigest()[:16]


def from_pipeline(pipeline: Pipeline, encoder: str = "") -> AlignSpec:
    """The aligner's view of a pipeline file; ``encoder`` names what makes the features."""
    size_us = pipeline.window.size_us
    return AlignSpec(
        pipeline=pipeline.pipeline,
        size_us=size_us,
        inputs=tuple(_input_rule(name, spec, size_us) for name, spec in pipeline.inputs.items()),
        session_timeout_ms=to_us(pipeline.limits.session_timeout) // US_PER_MS,
        max_open_windows=pipeline.limits.max_open_windows,
        max_sensors=pipeline.limits.max_sensors,
        encoder=encoder,
    )


def _input_rule(name: str, spec: InputSpec, size_us: int) -> InputRule:
    reference_us = tolerance_us = 0
    if isinstance(spec.matcher, Nearest):
        reference_us = {"start": 0, "middle": size_us // 2, "end": size_us}[spec.matcher.reference]
        tolerance_us = to_us(spec.matcher.tolerance)
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
    )
