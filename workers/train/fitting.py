"""The optimisation of a learned model: every task and input at once."""

from __future__ import annotations

import hashlib
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from workers.datasets.windows import LabelledWindows
from workers.device import resolve_device
from workers.errors import TrainError
from workers.learned.network import LearnedNetwork
from workers.learned.plan import ModelPlan
from workers.train.averaging import WeightAverage
from workers.train.checkpoint import (
    Epoch,
    State,
    below,
    discard_checkpoints,
    load_checkpoint,
    on_device,
    save_checkpoint,
)
from workers.train.course import Course
from workers.train.examples import Examples, fit_encoders, resolved_plan
from workers.train.loss import answer, hide_inputs, label_weights, loss_of, only_one_input
from workers.train.observing import Observer, Unobserved
from workers.train.optimisation import Optimisation
from workers.train.optimiser import load_state, make_optimizer, set_rate, state_tensors
from workers.train.repeatable import reproducible
from workers.train.sample_cache import SampleCache
from workers.train.schedule import factor
from workers.train.scores import deciding
from workers.train.trained import TrainedModel
from workers.train.validating import validate

_NETWORK, _AVERAGE, _BEST = "network/", "average/", "best/"


def fit(
    training: LabelledWindows,
    validation: LabelledWindows | None,
    plan: ModelPlan,
    optimisation: Optimisation,
    *,
    seed: int,
    device: str = "cpu",
    cache: SampleCache | None = None,
    checkpoints: Path | None = None,
    resume: bool = False,
    observer: Observer | None = None,
) -> TrainedModel:
    """Train a model on labelled windows; the same arguments give the same weights, to the bit, on
    the same machine, whether the run was interrupted or not.

    ``validation``: decides which epoch is kept and when to stop; without it the last one is kept.
    ``cache``: of ``training.samples``, for several runs over the same samples. ``checkpoints``: a
    folder that gets one after every epoch; with ``resume`` the run goes on from the newest in it.

    Raises ``TrainError`` for data that the plan does not fit, a checkpoint of another run, or a
    loss that is not finite; ``DataSetError``, ``DeviceError``.
    """
    if not training.windows:
        raise TrainError("expected training windows, got none; look at labels and splits")
    target = resolve_device(device)
    with reproducible(seed, cuda=target.type == "cuda"):
        run = _Run(
            training,
            validation if validation is not None and validation.windows else None,
            plan,
            optimisation,
            seed=seed,
            device=target,
            cache=cache or SampleCache(training.samples),
        )
        return run.run(checkpoints, resume, observer or Unobserved())


class _Run:
    """One run, see ``fit``."""

    def __init__(
        self,
        training: LabelledWindows,
        validation: LabelledWindows | None,
        plan: ModelPlan,
        rules: Optimisation,
        *,
        seed: int,
        device: torch.device,
        cache: SampleCache,
    ) -> None:
        self._rules, self._seed, self._device = rules, seed, device
        resolved = resolved_plan(plan, training)
        self._modality_of = {
            name: training.pipeline.inputs[name].modality for name in resolved.inputs
        }
        self._plan = resolved
        self._network = LearnedNetwork(resolved, self._modality_of)
        fit_encoders(self._network, training, cache)
        self._network.to(device)
        self._training = Examples(training, self._network, cache, device)
        self._validation = (
            None if validation is None else Examples(validation, self._network, cache, device)
        )
        self._weights = {
            task: _to(label_weights(rule, self._training.labels[task]), device)
            for task, rule in resolved.tasks.items()
        }
        self._optimizer = make_optimizer(self._network, rules)
        self._average = WeightAverage(rules.average)
        self._course = Course(rules)
        self._per_epoch = math.ceil(len(self._training) / rules.batch_windows)
        told = [resolved.model_dump_json(), rules.model_dump_json(), str(seed)]
        told += [f"{one.session}/{one.start_us}/{one.labels}" for one in training.windows]
        self._digest = hashlib.sha256("\x1f".join(told).encode()).hexdigest()

    def run(self, checkpoints: Path | None, resume: bool, observer: Observer) -> TrainedModel:
        course = self._course
        if checkpoints is not None:
            if resume:
                self._load(checkpoints)
            else:
                discard_checkpoints(checkpoints)
        observer.begun(self._rules.epochs - len(course.curve), self._per_epoch)
        while not course.is_over():
            found = self._epoch(len(course.curve) + 1, observer)
            course.add(found, self._average.weights(self._network))
            if checkpoints is not None:
                self._save(checkpoints)
            observer.epoch(found)
        kept, weights = course.chosen(self._average.weights(self._network))
        self._network.load_state_dict(weights)
        network = self._network.cpu().eval()
        return TrainedModel(
            network, self._modality_of, tuple(course.curve), kept, self._rules, self._seed
        )

    def _epoch(self, epoch: int, observer: Observer) -> Epoch:
        began_s = time.monotonic()
        # From seed and epoch alone: a run that goes on here draws what it would have drawn.
        torch.manual_seed(self._seed * 1_000_003 + epoch)
        rng = np.random.default_rng([self._seed, epoch])
        self._network.train()
        scores = self._course.scores()
        order = rng.permutation(len(self._training))
        losses, rate = [], 0.0
        for start in range(0, len(order), self._rules.batch_windows):
            rate = set_rate(
                self._optimizer,
                factor(
                    self._rules.schedule,
                    self._course.step,
                    self._per_epoch * self._rules.epochs,
                    epoch,
                    scores,
                ),
            )
            chosen = order[start : start + self._rules.batch_windows].tolist()
            losses.append(self._train_on(chosen, rng))
            self._course.step += 1
            observer.step()
        self._average.after_epoch(self._network, epoch)
        found = self._validated()
        return Epoch(
            epoch=epoch,
            loss=float(np.mean(losses)),
            learning_rate=rate,
            scores=found,
            score=deciding(found, self._rules.early_stopping),
            seconds=round(time.monotonic() - began_s, 3),
        )

    def _train_on(self, chosen: list[int], rng: np.random.Generator) -> float:
        rules, network = self._rules, self._network
        batches = self._training.batch(chosen, rng if rules.augment else None)
        truth = {
            task: torch.from_numpy(labels[chosen]).to(self._device)
            for task, labels in self._training.labels.items()
        }
        shown = (
            hide_inputs(batches, rules.modality_dropout, rng) if rules.modality_dropout else batches
        )
        loss = loss_of(answer(network.fusion, shown), truth, self._plan, self._weights)
        if loss is None:
            return 0.0
        if rules.alone:
            single = answer(network.fusion, only_one_input(batches, rng))
            also = loss_of(single, truth, self._plan, self._weights)
            assert also is not None
            loss = loss + rules.alone * also
        if not bool(torch.isfinite(loss)):
            raise TrainError(
                f"step {self._course.step}: expected a finite loss, got {float(loss.detach())}; "
                "lower optimisation.learning_rate"
            )
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if rules.gradient_clip is not None:
            torch.nn.utils.clip_grad_norm_(network.parameters(), rules.gradient_clip)
        self._optimizer.step()
        self._average.after_step(network)
        return float(loss.detach())

    def _validated(self) -> dict[str, dict[str, float]]:
        if self._validation is None:
            return {}
        own = {name: value.clone() for name, value in self._network.state_dict().items()}
        self._network.load_state_dict(self._average.weights(self._network))
        found = validate(self._network, self._validation, self._rules.batch_windows)
        self._network.load_state_dict(own)
        return found

    def _save(self, folder: Path) -> None:
        tensors = {_NETWORK + name: value for name, value in self._network.state_dict().items()}
        tensors |= {_AVERAGE + name: value for name, value in self._average.tensors.items()}
        tensors |= {_BEST + name: value for name, value in self._course.best.items()}
        tensors |= state_tensors(self._optimizer)
        state = State(
            self._digest,
            len(self._course.curve),
            self._course.step,
            self._course.best_epoch,
            self._average.count,
            self._course.curve,
        )
        save_checkpoint(folder, state, tensors)

    def _load(self, folder: Path) -> None:
        found = load_checkpoint(folder, self._digest)
        if found is None:
            return
        state, tensors = found
        try:
            self._network.load_state_dict(below(tensors, _NETWORK))
            load_state(self._optimizer, tensors)
        except (RuntimeError, ValueError, KeyError):
            raise TrainError(f"{folder}: the newest checkpoint does not fit; remove it") from None
        self._average.tensors = on_device(below(tensors, _AVERAGE), self._device)
        self._average.count = state.averaged
        course = self._course
        course.curve, course.step, course.best_epoch = (
            list(state.curve),
            state.step,
            state.best_epoch,
        )
        course.best = on_device(below(tensors, _BEST), self._device)


def _to(tensor: Tensor | None, device: torch.device) -> Tensor | None:
    return None if tensor is None else tensor.to(device)
