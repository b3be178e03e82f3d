"""One network: encoders, projections, context, fusion and heads, built from a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from schemas.sample import Modality
from workers.fusion.base import Head
from workers.learned.context.base import Context, last_present
from workers.learned.encoders.base import InputEncoder
from workers.learned.fusion.base import Fusion
from workers.learned.kinds import CONTEXTS, ENCODERS, FUSIONS, load
from workers.learned.parts import part_of_plan
from workers.learned.plan import ModelPlan
from workers.learned.projection import Projection
from workers.learned.steps import InputBatch

if TYPE_CHECKING:
    from workers.learned.members import Members


@dataclass(frozen=True, slots=True)
class NetworkOutput:
    """``logits``: task -> (rows, labels). ``shares``: (rows, inputs), each row's sum 1, exactly 0
    for an input without samples; a row without any sample has all zeros. ``hidden``: what the heads
    read, (rows, width).
    """

    logits: dict[str, Tensor]
    shares: Tensor
    hidden: Tensor


class FusionNetwork(nn.Module):
    """Everything after the features: what is learned of how inputs and steps belong together."""

    def __init__(self, plan: ModelPlan, widths: Mapping[str, int]) -> None:
        """``widths``: input -> length of its features."""
        super().__init__()
        self.inputs = plan.inputs
        self.steps = plan.context.steps
        width = plan.fusion.width
        self.projections = nn.ModuleList(
            Projection(widths[name], width, plan.projection_of(name), self.steps)
            for name in self.inputs
        )
        with part_of_plan("fusion"):
            self.fusion: Fusion = load(FUSIONS, plan.fusion.form)(plan.fusion, len(self.inputs))
        self._fused_first = plan.context.where == "fused"
        make = load(CONTEXTS, plan.context.kind)
        with part_of_plan("context"):
            self.contexts: nn.ModuleList = nn.ModuleList(
                [make(plan.context, self.fusion.out_width)]
                if self._fused_first
                else [make(plan.context, width) for _ in self.inputs]
            )
        self.heads = nn.ModuleDict(
            {
                key(task): Head(self.fusion.out_width, len(rules.labels))
                for task, rules in plan.tasks.items()
            }
        )
        self.tasks = tuple(plan.tasks)
        #: Which inputs are read -> the tasks that read these; most plans have one entry.
        self._readers: dict[tuple[bool, ...], list[str]] = {}
        for task, rules in plan.tasks.items():
            read = tuple(not rules.inputs or name in rules.inputs for name in self.inputs)
            self._readers.setdefault(read, []).append(task)

    def forward(self, batches: Sequence[InputBatch]) -> NetworkOutput:
        """One batch of each input, in the order of ``inputs``."""
        steps, present = [], []
        for projection, batch in zip(self.projections, batches, strict=True):
            one, there = projection(batch.features, batch.steps, batch.present)
            steps.append(one)
            present.append(there)
        logits: dict[str, Tensor] = {}
        parts, read_by_heads = [], []
        for read, tasks in self._readers.items():
            there = [each & kept for each, kept in zip(present, read, strict=True)]
            hidden, shares = (
                self._fused_then_context(torch.stack(steps, 2), torch.stack(there, 2))
                if self._fused_first
                else self._context_then_fused(steps, there)
            )
            parts.append(_adding_up(shares.detach()))
            read_by_heads.append(hidden)
            logits |= {task: self.heads[key(task)](hidden) for task in tasks}
        # Of several readings each counts alike.
        shares = parts[0] if len(parts) == 1 else _adding_up(torch.stack(parts).sum(dim=0))
        hidden = torch.cat(read_by_heads, dim=1)
        return NetworkOutput({task: logits[task] for task in self.tasks}, shares, hidden)

    def _context_then_fused(
        self, steps: Sequence[Tensor], present: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        tokens = [
            context(one, there)
            for context, one, there in zip(self.contexts, steps, present, strict=True)
        ]
        there = torch.stack(
            [
                context.reaches(each)
                for context, each in zip(self.contexts, present, strict=True)
                if isinstance(context, Context)
            ],
            dim=1,
        )
        fused: tuple[Tensor, Tensor] = self.fusion(torch.stack(tokens, dim=1), there)
        return fused

    def _fused_then_context(self, steps: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Steps (rows, steps, inputs, width), present (rows, steps, inputs)."""
        rows, count = steps.shape[:2]
        hidden, shares = self.fusion(steps.flatten(0, 1), present.flatten(0, 1))
        there = present.any(dim=2)
        context = self.contexts[0]
        assert isinstance(context, Context)
        return (
            context(hidden.reshape(rows, count, -1), there),
            last_present(shares.reshape(rows, count, -1), there),
        )


def _adding_up(shares: Tensor) -> Tensor:
    return shares / shares.sum(dim=-1, keepdim=True).clamp_min(1e-9)


class LearnedNetwork(nn.Module):
    """The encoders of the inputs, and the network over their features."""

    def __init__(self, plan: ModelPlan, modality_of: Mapping[str, Modality]) -> None:
        """``modality_of``: input -> modality; ``plan`` has no option open that only data can tell.

        Raises ``PlanError`` for an option that an encoder, the fusion or the context refuses.
        """
        super().__init__()
        self.plan = plan
        self.encoders = nn.ModuleDict()
        for name, options in sorted(plan.encoders.items()):
            with part_of_plan(f"encoders.{name}"):
                made = load(ENCODERS, options.kind)(options, modality_of[name])
            self.encoders[key(name)] = made
        self.fusion: FusionNetwork | Members = _fusion_of(
            plan, {name: self.encoder(name).width for name in plan.inputs}
        )

    def encoder(self, name: str) -> InputEncoder:
        """The encoder of an input that the model takes."""
        encoder = self.encoders[key(name)]
        assert isinstance(encoder, InputEncoder)
        return encoder


def _fusion_of(plan: ModelPlan, widths: Mapping[str, int]) -> FusionNetwork | Members:
    if plan.members == 1:
        return FusionNetwork(plan, widths)
    # Made of this module's networks.
    from workers.learned.members import Members

    return Members(plan, widths)


def key(name: str) -> str:
    """A name as the key of a ``ModuleDict``, where names of its methods are taken."""
    return f"of_{name}"
