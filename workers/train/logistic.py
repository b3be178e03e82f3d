"""Learned models without a hidden layer, solved instead of trained: for a hundred windows."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp
from torch import nn

from workers.datasets.windows import LabelledWindows
from workers.errors import PlanError
from workers.fusion.base import Head
from workers.learned.network import FusionNetwork, LearnedNetwork, key
from workers.learned.plan import ModelPlan
from workers.learned.projection import Projection
from workers.learned.steps import InputBatch
from workers.train.examples import Examples, fit_encoders, resolved_plan
from workers.train.optimisation import Optimisation
from workers.train.sample_cache import SampleCache
from workers.train.trained import TrainedModel

#: Reached in about a hundred steps by the problems that this is for.
_MOST_STEPS = 2_000
_TOLERANCE = 1e-9

Weights = NDArray[np.float64]


def fit_logistic(
    training: LabelledWindows,
    plan: ModelPlan,
    strength: Mapping[str, float],
    *,
    seed: int,
    cache: SampleCache | None = None,
) -> TrainedModel:
    """Each input alone by logistic regression on the mean of its features in a window, of those
    windows that have any; what they say is added up by the plan's ``evidence`` fusion.

    Of an encoder with several ``parts`` each has its own regression, and their logits are averaged.
    ``strength``: input -> inverse of the penalty, see ``regression``. Nothing is drawn by chance:
    ``seed`` is only kept with the model.

    Raises ``PlanError`` for a plan of another form, or where an input has no window of a label.
    """
    plan = resolved_plan(plan, training)
    task, labels = _linear(plan)
    cache = cache or SampleCache(training.samples)
    modality_of = {name: training.pipeline.inputs[name].modality for name in plan.inputs}
    network = LearnedNetwork(plan, modality_of)
    fusion = network.fusion
    assert isinstance(fusion, FusionNetwork), "a plan of one member"
    fit_encoders(network, training, cache)
    examples = Examples(training, network.eval(), cache, torch.device("cpu"))
    truth = examples.labels[task]
    batches = examples.batch(range(len(examples)))
    with torch.no_grad():
        for place, (name, batch) in enumerate(zip(plan.inputs, batches, strict=True)):
            there = batch.present.any(dim=1).numpy() & (truth >= 0)
            means, known = _means(batch)[there], truth[there]
            if missing := sorted(set(range(labels)) - set(known.tolist())):
                label = plan.tasks[task].labels[missing[0]]
                raise PlanError(
                    f"encoders.{name}",
                    f"expected windows of every label, got none of {label!r}; leave the input out "
                    "or add some",
                )
            parts = network.encoder(name).parts
            weights, bias = np.zeros((labels, means.shape[1])), np.zeros(labels)
            for part in parts:
                some, offset = regression(means[:, part], known, labels, strength[name])
                weights[:, part] += some / len(parts)
                bias += offset / len(parts)
            _put(fusion.projections[place], weights, bias)
        head = fusion.heads[key(task)]
        assert isinstance(head, Head)
        head.weight.copy_(torch.eye(labels))
        head.bias.zero_()
    return TrainedModel(network, modality_of, (), 0, Optimisation(), seed)


def regression(
    features: Weights, truth: NDArray[np.int64], labels: int, strength: float
) -> tuple[Weights, Weights]:
    """Weights (labels, width) and bias (labels,) of multinomial logistic regression on features
    (n, width) and labels (n,), each label counting alike, with the squared weights over twice
    ``strength`` as a penalty. Found by L-BFGS (Byrd, Lu, Nocedal and Zhu 1995).
    """
    count, width = features.shape
    of_label = np.bincount(truth, minlength=labels)
    counting = (count / (labels * of_label))[truth]
    wanted = np.eye(labels)[truth]

    def loss(flat: Weights) -> tuple[float, Weights]:
        weights, bias = flat[:-labels].reshape(labels, width), flat[-labels:]
        logits = features @ weights.T + bias
        log = logits - logsumexp(logits, axis=1, keepdims=True)
        value = -(counting * log[np.arange(count), truth]).sum()
        slope = counting[:, None] * (np.exp(log) - wanted)
        gradient = np.concatenate(
            [(slope.T @ features + weights / strength).ravel(), slope.sum(axis=0)]
        )
        return value + (weights**2).sum() / (2.0 * strength), gradient

    found = minimize(
        loss,
        np.zeros(labels * (width + 1)),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _MOST_STEPS, "ftol": _TOLERANCE, "gtol": 1e-6},
    )
    return found.x[:-labels].reshape(labels, width), found.x[-labels:]


def _linear(plan: ModelPlan) -> tuple[str, int]:
    """The plan's only task and how many labels it has."""
    _expect("tasks", len(plan.tasks), 1)
    _expect("members", plan.members, 1)
    _expect("fusion.form", plan.fusion.form, "evidence")
    _expect("context.steps", plan.context.steps, 1)
    ((task, rules),) = plan.tasks.items()
    for name in plan.inputs:
        projection = plan.projection_of(name)
        part = f"projections.{name}" if name in plan.projections else "projection"
        _expect(f"{part}.norm", projection.norm, False)
        _expect(f"{part}.hidden", list(projection.hidden), [])
        _expect(f"{part}.pool", projection.pool, "mean")
    _expect("fusion.width", plan.fusion.width, len(rules.labels), "one for each label")
    return task, len(rules.labels)


def _expect(where: str, got: object, wanted: object, why: str = "to be solved") -> None:
    if got != wanted:
        # As YAML has them: false, not False.
        raise PlanError(where, f"expected {json.dumps(wanted)}, {why}, got {json.dumps(got)}")


def _means(batch: InputBatch) -> Weights:
    present = batch.present.numpy()
    total = (batch.features.numpy().astype(np.float64) * present[..., None]).sum(axis=1)
    means: Weights = total / np.maximum(1, present.sum(axis=1))[:, None]
    return means


def _put(projection: nn.Module, weights: Weights, bias: Weights) -> None:
    assert isinstance(projection, Projection)
    linear = next(layer for layer in projection.layers if isinstance(layer, nn.Linear))
    linear.weight.copy_(torch.from_numpy(weights))
    linear.bias.copy_(torch.from_numpy(bias))
