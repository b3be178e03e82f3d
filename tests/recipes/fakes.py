"""A small data set, a model that learns words by heart, and a recipe of both."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from schemas.pipeline import Pipeline
from schemas.result import ModelRef
from schemas.sample import Modality, Sample
from streams.align.types import Window
from streams.compute import BadSample, Fusion
from streams.feed.item import FeedItem
from workers.datasets.base import DataSet, Label
from workers.evaluation.folds import by_group
from workers.recipes.base import Curve, Figure, Goal, Options, Progress
from workers.recipes.classifier import Cut, Variant

S = 1_000_000
#: 2025-01-01, so that event times are believed.
START_US = 1_735_689_600 * S
LABELS = ("bad", "good")
#: input -> label -> the words that are said then; ``noted`` tells nothing in every third session.
WORDS = {"said": {"good": "fine", "bad": "awful"}, "noted": {"good": "plus", "bad": "minus"}}


def word_pipeline(name: str = "words", model: str = "learnt") -> Pipeline:
    return Pipeline.model_validate(
        {
            "pipeline": name,
            "partitions": 2,
            "inputs": {
                input_name: {
                    "modality": "text",
                    "sensors": [input_name],
                    "content_type": "text/plain",
                    "lateness": "0ms",
                    "idle_after": "500ms",
                }
                for input_name in WORDS
            },
            "window": {"size": "1s"},
            "model": {"name": model, "python": "tests.recipes.fakes:WordModel"},
        }
    )


def truth_of(session: int, second: int) -> str:
    return LABELS[(session + second) % 2]


def _word(input_name: str, session: int, second: int) -> str:
    if input_name == "noted" and session % 3 == 0:
        return "blank"
    return WORDS[input_name][truth_of(session, second)]


def word_items(sessions: int, seconds: int) -> Iterator[FeedItem]:
    for second in range(seconds):
        for session in range(sessions):
            for input_name in WORDS:
                at_us = START_US + second * S + 400_000
                word = _word(input_name, session, second).encode()
                yield FeedItem(
                    f"s{session:02}", input_name, input_name, at_us, at_us, "text/plain", word,
                    second, at_us,
                )  # fmt: skip


def word_data(sessions: int = 12, seconds: int = 3) -> DataSet:
    """Sessions of two per group, with a label a second."""
    return DataSet(
        name="words",
        items=lambda: word_items(sessions, seconds),
        labels=[
            Label(f"s{each:02}", START_US + at * S, START_US + (at + 1) * S, "mood",
                  truth_of(each, at))
            for each in range(sessions)
            for at in range(seconds)
        ],
        tasks={"mood": LABELS},
        groups={f"s{each:02}": f"speaker {each // 2}" for each in range(sessions)},
        licence="none",
        redistributable=True,
        origin="made up for a test",
    )  # fmt: skip


class WordModel:
    """Votes of the words that it has learnt by heart, from ``votes.json`` in its folder."""

    modalities = (Modality.TEXT,)
    tasks = {"mood": list(LABELS)}  # noqa: RUF012
    lanes = 1
    features = "words-1"

    def __init__(self, folder: str) -> None:
        body = (Path(folder) / "votes.json").read_bytes()
        self._votes: dict[str, dict[str, float]] = json.loads(body)
        self.ref = ModelRef("words", "1", hashlib.sha256(body).hexdigest())

    def decode(self, sample: Sample) -> str | BadSample:
        return sample.payload.decode()

    def encode(self, modality: Modality, decoded: Sequence[str]) -> list[bytes]:
        return [word.encode() for word in decoded]

    def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        return [self._answer([sample.feature.decode() for sample in window.samples])
                for window in windows]  # fmt: skip

    def _answer(self, words: list[str]) -> Fusion:
        votes = Counter(dict.fromkeys(LABELS, 1.0))
        for word in words:
            votes.update(self._votes.get(word, {}))
        total = sum(votes.values())
        return Fusion({"mood": {label: votes[label] / total for label in LABELS}}, {"text": 1.0})

    def warm(self, max_batch: int) -> None:
        """Nothing gets quicker."""

    def close(self) -> None:
        """Nothing is open."""


class Words:
    """The recipe. ``trained``: every training as (cut, inputs, variant); ``forgetful``: its variant
    learns nothing.
    """

    name = "words"
    claim = "moods from words"
    task = "mood"
    inputs = ("said", "noted")
    goals = (Goal("accuracy", 0.9, "made up"),)
    seeds = 2
    variants = (Variant("forgetful", "learns nothing"),)
    notes = ("It sees the present window only.",)

    def __init__(self) -> None:
        self.trained: list[tuple[Cut, tuple[str, ...], str]] = []

    def pipeline(self, variant: str) -> Pipeline:
        return word_pipeline()

    def load(self, data: Path, test: Path | None, variant: str) -> DataSet:
        return word_data()

    def cuts(self, data_set: DataSet, options: Options) -> tuple[Sequence[Cut], str]:
        cuts = by_group(data_set, self.task, options.folds or 3, options.seeds or self.seeds)
        return cuts, "3 folds by speaker, drawn anew for each seed"

    def train(
        self,
        data_set: DataSet,
        cut: Cut,
        inputs: tuple[str, ...],
        variant: str,
        out: Path,
        progress: Progress,
    ) -> Sequence[Curve]:
        self.trained.append((cut, inputs, variant))
        votes: dict[str, Counter[str]] = {}
        if variant != "forgetful":
            truths = {(each.session, each.start_us): each.label for each in data_set.labels}
            for item in data_set.items():
                if item.session in cut.training and item.input in inputs:
                    label = truths[item.session, item.start_us - 400_000]
                    votes.setdefault(item.payload.decode(), Counter())[label] += 1
        (out / "votes.json").write_text(json.dumps(votes))
        return [Curve(cut.name, {"loss": [1.0, 0.5]}, 1)]

    def figures(self, predictions: object) -> Sequence[Figure]:
        return ()


class Quiet:
    """A ``Progress`` that nobody watches."""

    @contextmanager
    def track(self, what: str, total: int | None = None) -> Iterator[object]:
        yield lambda steps: None
