"""Training: the same seed gives the same weights, and dropout leaves something to learn from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from schemas.pipeline_file import load_pipeline
from schemas.sample import Modality
from streams.scenes.catalog import make_scene
from streams.scenes.rig import SimulatedScene
from workers.codecs import series
from workers.errors import TrainError
from workers.fusion.tokens import MODALITIES
from workers.model_file import CARD_FILE, Manifest, load_model
from workers.train.scenes.augment import augment
from workers.train.scenes.dropout import Dropout, drop
from workers.train.scenes.loop import learning_rate
from workers.train.scenes.recording import LabelledWindow, Recording, join, label_indices, record
from workers.train.scenes.run import START_US, train_pipeline


def tiny(folder: Path, seed: int) -> Manifest:
    return train_pipeline(
        "diagnosis",
        folder,
        seed=seed,
        sessions=2,
        seconds=300,
        epochs=1,
        console=Console(quiet=True),
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    folder = tmp_path_factory.mktemp("trained")
    return folder, tiny(folder, seed=1)


def test_the_same_seed_gives_the_same_weights(
    trained: tuple[Path, Manifest], tmp_path: Path
) -> None:
    assert tiny(tmp_path, seed=1) == trained[1]


def test_another_seed_gives_other_weights(trained: tuple[Path, Manifest], tmp_path: Path) -> None:
    assert tiny(tmp_path, seed=2).sha256 != trained[1].sha256


def test_a_trained_model_is_loaded_by_its_folder(trained: tuple[Path, Manifest]) -> None:
    assert load_model(str(trained[0])).manifest == trained[1]


def test_the_card_states_digest_data_and_limits(trained: tuple[Path, Manifest]) -> None:
    card = (trained[0] / CARD_FILE).read_text()
    for part in (trained[1].sha256, "simulated scenes", "Apache-2.0", "Not for medical use"):
        assert part in card


def test_training_leaves_torch_as_it_was(trained: tuple[Path, Manifest]) -> None:
    assert not torch.are_deterministic_algorithms_enabled()


def test_an_unknown_pipeline_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="expected one of"):
        train_pipeline("submarine", tmp_path)


@pytest.fixture(scope="module")
def recording() -> Recording:
    scene = make_scene("call", sessions=2, seconds=12, seed=5, start_us=START_US)
    return record(load_pipeline("call"), scene)


def test_a_window_holds_the_samples_that_take_place_in_it(recording: Recording) -> None:
    scene = make_scene("call", sessions=2, seconds=12, seed=5, start_us=START_US)
    pipeline = load_pipeline("call")
    size_us = pipeline.window.size_us
    groups: dict[tuple[str, int], set[int]] = {}
    for position, item in enumerate(scene.items()):
        moment_us, _ = pipeline.inputs[item.input].aligned_span_us(item.start_us, item.end_us)
        start_us = moment_us - moment_us % size_us
        if scene.labels(item.session, start_us, start_us + size_us):
            groups.setdefault((item.session, start_us), set()).add(position)
    expected = {frozenset(group) for group in groups.values()}
    assert {frozenset(window.samples.tolist()) for window in recording.windows} == expected


def test_joined_recordings_keep_their_own_samples(recording: Recording) -> None:
    both = join([recording, recording])
    first, second = both.windows[0], both.windows[len(recording.windows)]
    for one, other in zip(first.samples, second.samples, strict=True):
        assert both.arrays[one] is both.arrays[other]
        assert one + len(recording.arrays) == other


def test_a_label_that_a_task_does_not_list_is_refused(recording: Recording) -> None:
    with pytest.raises(TrainError, match="expected one of"):
        label_indices(recording.windows, ("somebody",), "speaker")


def full_window() -> LabelledWindow:
    kinds = np.repeat([0, 1, 2], 20).astype(np.int64)
    return LabelledWindow(
        np.arange(60), kinds, kinds * 2 + np.arange(60) % 2, np.zeros(60, np.float32), {}
    )


def over_seeds(how: Dropout, look: Callable[[LabelledWindow], object]) -> list[object]:
    return [look(drop(full_window(), how, np.random.default_rng(s))) for s in range(200)]


def test_dropout_never_takes_everything() -> None:
    lengths = over_seeds(Dropout(1.0, 1.0), lambda window: len(window.samples))
    assert all(lengths)


def test_dropout_takes_whole_modalities_about_as_often_as_asked() -> None:
    kinds = over_seeds(Dropout(0.3, 0.0), lambda window: len(set(window.modalities.tolist())))
    assert 0.22 < 1 - np.mean([float(str(k)) for k in kinds]) / 3 < 0.38


def test_no_sensor_has_more_samples_than_are_looked_at() -> None:
    most = over_seeds(Dropout(0.0, 0.0, 4), lambda window: np.bincount(window.sensors).max() == 4)
    assert all(most)


@pytest.mark.parametrize("modality", [Modality.OBJECTS, Modality.POINTS])
def test_places_are_not_augmented(modality: Modality) -> None:
    array = np.random.default_rng(0).random((5, 7)).astype(np.float32)
    assert augment(modality, array, np.random.default_rng(1)) is array


def test_an_augmented_monitor_loses_whole_channels_and_changes_no_value() -> None:
    vector = np.arange(1, series.LENGTH + 1, dtype=np.float32)
    channels = vector.reshape(series.SLOTS, series.STATISTICS)
    lost = 0
    for seed in range(20):
        changed = augment(Modality.SERIES, vector, np.random.default_rng(seed))
        for before, after in zip(channels, changed.reshape(channels.shape), strict=True):
            gone = not after.any()
            lost += gone
            assert gone or np.array_equal(before, after)
    assert lost > 0


def test_an_augmented_picture_keeps_its_form() -> None:
    array = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    changed = augment(Modality.VIDEO, array, np.random.default_rng(1))
    assert changed.shape == array.shape
    assert changed.dtype == array.dtype
    assert not np.array_equal(changed, array)


def test_the_learning_rate_rises_then_falls_to_nothing() -> None:
    rates = [learning_rate(step, 100) for step in range(101)]
    assert rates[0] < rates[10] < rates[29] == max(rates) == 1.0
    assert rates[-1] == 0.0


def labelled(modality: int, tellers: dict[str, frozenset[int]]) -> LabelledWindow:
    return LabelledWindow(
        np.zeros(1, np.int64),
        np.asarray([modality]),
        np.zeros(1, np.int64),
        np.zeros(1, np.float32),
        {"intent": "cancel"},
        tellers,
    )


def test_a_task_is_told_by_those_that_can_tell_it_alone() -> None:
    assert labelled(2, {"intent": frozenset({2})}).can_tell("intent")
    assert not labelled(0, {"intent": frozenset({2})}).can_tell("intent")


def test_a_task_that_nobody_tells_alone_is_left_to_all_of_them() -> None:
    assert labelled(0, {"intent": frozenset()}).can_tell("intent")


def test_a_recording_knows_who_can_tell_a_task_alone() -> None:
    def scene(without: list[str]) -> SimulatedScene:
        return make_scene(
            "call", sessions=2, seconds=12, seed=5, start_us=START_US, without=without
        )

    alone = {
        Modality.TEXT: scene(["audio", "video"]),
        Modality.AUDIO: scene(["transcript", "video"]),
    }
    windows = record(load_pipeline("call"), scene([]), alone).windows
    text, audio = MODALITIES.index(Modality.TEXT), MODALITIES.index(Modality.AUDIO)
    told = [window.tellers for window in windows]
    assert {t["intent"] for t in told if "intent" in t} == {frozenset({text})}
    assert {t["speaker"] for t in told if "speaker" in t} == {frozenset({audio})}
