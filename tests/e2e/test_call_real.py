"""The shipped call-real: recorded voices and typed sentences through a real broker and worker."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from schemas.pipeline_file import load_pipeline
from schemas.settings import Settings
from schemas.units import iso_to_us
from streams.feed.item import FeedItem
from workers.datasets.base import DataSet, Label
from workers.datasets.call_real import SENTIMENT_OF, TEST_SPEAKERS, utterances_of
from workers.datasets.call_speech import spoken
from workers.datasets.emodb import EMOTIONS
from workers.datasets.making import START_US, in_order, words
from workers.demo.site import Site
from workers.evaluation.answering import open_trial
from workers.evaluation.in_stream import answered_in_stream, hold_against, stream_site
from workers.registry.layout import SHIPPED

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(580)]

STEP_US = 3_000_000
#: As nobody wrote them for BANKING77.
TYPED = {
    "i think my card was stolen yesterday evening": "lost_or_stolen_card",
    "I lost my card on the train, please block it": "lost_or_stolen_card",
    "how do i change my pin at a cash machine": "change_pin",
    "what is the exchange rate for dollars": "exchange_rate",
    "I would like my money back for a purchase": "request_refund",
    "which countries do you support": "country_support",
    "play some jazz music in the kitchen": "out_of_scope",
    "what is the weather like in Hamburg": "out_of_scope",
    "tell me a joke about penguins": "out_of_scope",
}


def recorded_calls(emodb: Path) -> DataSet:
    """Speakers whom the model has not heard, and a customer who types."""
    rng = np.random.default_rng(7)
    items: list[FeedItem] = []
    labels: list[Label] = []
    sessions: list[str] = []
    for speaker, utterances in sorted(utterances_of(emodb).items()):
        if speaker in TEST_SPEAKERS:
            session = f"voice-{speaker}"
            heard, felt = spoken(session, utterances, rng, plain=True)
            items += heard
            labels += felt
            sessions.append(session)
    for number, (text, intent) in enumerate(TYPED.items()):
        start_us = START_US + number * STEP_US
        items.append(words("typed", "transcript", "asr", start_us, text, number))
        labels.append(Label("typed", start_us, start_us + STEP_US, "intent", intent))
    labels += [
        one._replace(task="sentiment", label=SENTIMENT_OF[one.label])
        for one in labels
        if one.task == "emotion"
    ]
    tasks = {
        "emotion": EMOTIONS,
        "sentiment": ("negative", "neutral", "positive"),
        "intent": tuple(sorted(set(TYPED.values()))),
    }
    groups = {session: session for session in [*sessions, "typed"]}
    return DataSet(
        "calls", lambda: in_order(items), tuple(sorted(labels)), tasks, groups, "", False, ""
    )


class Heard:
    """What the model says offline, and what the worker published."""

    def __init__(self, data: DataSet) -> None:
        self.data = data
        with stream_site(Settings()) as site:
            asyncio.run(self._run(site))

    async def _run(self, site: Site) -> None:
        pipeline, model = load_pipeline("call-real"), SHIPPED / "call-real"
        worker = Settings().worker
        async with open_trial(
            pipeline, model, self.data, "emotion", self.data.groups, worker
        ) as trial:
            self.offline = await trial.answers()
            self.windows = trial.windows
            self.results = await answered_in_stream(
                site, trial.pipeline, trial.items(), trial.windows
            )

    def right(self, task: str) -> list[bool]:
        """Of each result with a label of the task whether it says so."""
        found = []
        for result in self.results:
            end_us = iso_to_us(result.window.end)
            told = _label_at(self.data, result.session, task, end_us - STEP_US, end_us)
            if told is not None:
                found.append(result.tasks[task].label == told)
        return found


def _label_at(data: DataSet, session: str, task: str, start_us: int, end_us: int) -> str | None:
    """The label that is true of more than half of a span."""
    for label in data.labels:
        if (label.session, label.task) == (session, task):
            shared_us = min(end_us, label.end_us) - max(start_us, label.start_us)
            if shared_us > (end_us - start_us) / 2:
                return label.label
    return None


@pytest.fixture(scope="module")
def heard(shared_data: Path) -> Heard:
    return Heard(recorded_calls(shared_data / "calls" / "emodb"))


def test_the_stream_says_what_the_model_says_offline(heard: Heard) -> None:
    assert hold_against("call-real", heard.offline, heard.windows, heard.results).flawless


def test_most_emotions_of_voices_never_heard_before_are_found(heard: Heard) -> None:
    right = heard.right("emotion")
    assert len(right) > 40
    assert np.mean(right) > 0.6


def test_the_sentiment_of_most_voices_is_found(heard: Heard) -> None:
    assert np.mean(heard.right("sentiment")) > 0.6


def test_most_typed_sentences_are_understood(heard: Heard) -> None:
    right = heard.right("intent")
    assert len(right) == len(TYPED)
    assert sum(right) >= 7


def test_nothing_is_asked_for_where_nothing_is_said(heard: Heard) -> None:
    silent = [r for r in heard.results if r.session.startswith("voice")]
    assert np.mean([r.tasks["intent"].label == "out_of_scope" for r in silent]) > 0.9
