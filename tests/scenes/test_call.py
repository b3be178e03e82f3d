"""A call's sensors and labels against the dialogue they were made from."""

from __future__ import annotations

import json
from itertools import pairwise

import cv2
import numpy as np
import pytest

from schemas.units import US_PER_S
from streams.feed.item import FeedItem
from streams.scenes.call.dialogue import Dialogue, hold_dialogue
from streams.scenes.call.phrases import AGENT, INTENTS, MOODS, OPENERS
from streams.scenes.catalog import make_scene
from streams.scenes.curves import Steps
from streams.scenes.rig import SimulatedScene
from streams.scenes.seeds import stable_rng
from streams.scenes.spoken import Sentence, expand, one_of
from streams.scenes.voice import Manner, Utterance

START_US = 1_780_000_000_000_000
SECONDS = 40
WINDOW_US = 2 * US_PER_S
WINDOWS = range(START_US, START_US + SECONDS * US_PER_S, WINDOW_US)


@pytest.fixture(scope="module")
def scene() -> SimulatedScene:
    return make_scene("call", sessions=2, seconds=SECONDS, seed=21, start_us=START_US)


@pytest.fixture(scope="module")
def items(scene: SimulatedScene) -> list[FeedItem]:
    return list(scene.items())


def said(speaker: str, start_s: float, end_s: float) -> Sentence:
    manner = Manner(1.0, 1.0, 5.0, 0.0, 0.0, 0.0)
    return Sentence(speaker, "yes", Utterance(start_s, end_s, manner, (0,)))


def dialogue(
    *sentences: Sentence,
    intents: dict[int, str] | None = None,
    moods: tuple[tuple[float, str], ...] = ((0.0, "neutral"),),
) -> Dialogue:
    return Dialogue(sentences, intents or {}, Steps(moods))


def test_audio_chunks_follow_one_another_without_a_gap(scene: SimulatedScene) -> None:
    chunks = [i for i in scene.schedule() if i.sensor == "mic.agent" and i.session == "call-0001"]

    assert all(a.end_us == b.start_us for a, b in pairwise(chunks))
    assert len(chunks) == pytest.approx(SECONDS * 5, abs=1)


def test_a_chunk_holds_as_many_samples_as_it_lasts(items: list[FeedItem]) -> None:
    for item in items:
        if item.input == "audio":
            samples = np.frombuffer(item.payload, "<i2")
            assert len(samples) * US_PER_S == 16_000 * (item.end_us - item.start_us)


def test_a_voice_goes_on_from_chunk_to_chunk_without_a_click(items: list[FeedItem]) -> None:
    chunks = [
        np.frombuffer(item.payload, "<i2").astype(float)
        for item in items
        if item.sensor == "mic.customer" and item.session == "call-0001"
    ]
    inner = max(np.abs(np.diff(chunk)).max() for chunk in chunks)
    seams = [abs(b[0] - a[-1]) for a, b in pairwise(chunks)]

    assert max(seams) <= inner


def test_the_camera_gives_five_decodable_frames_a_second(items: list[FeedItem]) -> None:
    frames = [i for i in items if i.input == "video" and i.session == "call-0002"]

    assert len(frames) == SECONDS * 5
    for item in frames[::25]:
        picture = cv2.imdecode(np.frombuffer(item.payload, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert picture.shape == (120, 160, 3)


def test_a_segment_has_a_time_for_each_of_its_words(items: list[FeedItem]) -> None:
    for item in items:
        if item.input != "transcript":
            continue
        body = json.loads(item.payload)
        assert [word["word"] for word in body["words"]] == body["text"].split()
        assert body["speaker"] in ("agent", "customer")
        lasts_ms = (item.end_us - item.start_us) / 1_000
        edges = [edge for word in body["words"] for edge in (word["start_ms"], word["end_ms"])]
        assert edges == sorted(edges)
        assert edges[0] == 0
        assert edges[-1] <= lasts_ms


def test_a_segment_is_handed_over_some_hundred_milliseconds_after_its_end(
    items: list[FeedItem],
) -> None:
    lags_ms = [(i.due_us - i.end_us) / 1_000 for i in items if i.input == "transcript"]

    assert lags_ms
    assert min(lags_ms) >= 250
    assert max(lags_ms) < 450


def chunk_levels(items: list[FeedItem], sensor: str, start_us: int) -> list[float]:
    return [
        float(np.std(np.frombuffer(item.payload, "<i2")))
        for item in items
        if item.sensor == sensor
        and item.session == "call-0001"
        and start_us <= item.start_us < start_us + WINDOW_US
    ]


@pytest.mark.parametrize(("owner", "other"), [("agent", "customer"), ("customer", "agent")])
def test_the_microphone_of_who_talks_is_the_louder_one_more_often(
    scene: SimulatedScene, items: list[FeedItem], owner: str, other: str
) -> None:
    starts = [
        start_us
        for start_us in WINDOWS
        if scene.labels("call-0001", start_us, start_us + WINDOW_US).get("speaker") == owner
    ]

    assert starts
    for start_us in starts:
        own = chunk_levels(items, f"mic.{owner}", start_us)
        others = chunk_levels(items, f"mic.{other}", start_us)
        lead = [np.sign(a - b) for a, b in zip(own, others, strict=True) if max(a, b) > 600]
        assert sum(lead) > 0


def test_an_intent_is_labelled_exactly_where_a_customer_segment_with_it_ends() -> None:
    truth = dialogue(said("customer", 1.0, 3.5), said("customer", 3.6, 5.5), intents={1: "billing"})

    assert [truth.intent(t, t + 2.0) for t in (0.0, 2.0, 4.0, 6.0)] == [
        None,
        None,
        "billing",
        None,
    ]


def test_two_intents_in_one_window_leave_it_unlabelled() -> None:
    truth = dialogue(
        said("customer", 0.1, 0.9),
        said("customer", 1.0, 1.9),
        intents={0: "billing", 1: "cancel"},
    )

    assert truth.intent(0.0, 2.0) is None


def test_a_mood_that_changes_in_or_beside_a_window_leaves_it_unlabelled() -> None:
    truth = dialogue(moods=((0.0, "neutral"), (5.0, "negative")))

    assert [truth.sentiment(t, t + 2.0) for t in (2.0, 2.9, 4.0, 5.2, 6.0)] == [
        "neutral",
        None,
        None,
        None,
        "negative",
    ]


def test_the_speaker_is_who_clearly_talks_most() -> None:
    truth = dialogue(said("agent", 0.0, 1.5), said("customer", 1.6, 3.4), said("agent", 4.0, 4.9))

    assert truth.speaker(0.0, 2.0) == "agent"
    assert truth.speaker(1.5, 3.5) == "customer"


def test_two_who_talk_about_equally_leave_the_window_unlabelled() -> None:
    truth = dialogue(said("agent", 0.0, 0.9), said("customer", 1.0, 1.9))

    assert truth.speaker(0.0, 2.0) is None


def test_nobody_talks_only_where_a_late_chunk_would_be_silent_too() -> None:
    truth = dialogue(said("agent", 0.0, 1.0), said("agent", 6.1, 7.0))

    assert truth.speaker(2.0, 4.0) == "nobody"
    assert truth.speaker(4.0, 6.0) is None


def test_without_a_camera_a_silent_customer_has_no_sentiment() -> None:
    seen = make_scene("call", sessions=1, seconds=SECONDS, seed=21, start_us=START_US)
    heard = make_scene(
        "call", sessions=1, seconds=SECONDS, seed=21, start_us=START_US, without=("video",)
    )
    for start_us in WINDOWS:
        span = "call-0001", start_us, start_us + WINDOW_US
        if seen.labels(*span).get("speaker") in ("agent", "nobody"):
            assert "sentiment" in seen.labels(*span) or "sentiment" not in heard.labels(*span)
    silent = [
        start_us
        for start_us in WINDOWS
        if seen.labels("call-0001", start_us, start_us + WINDOW_US).get("speaker") == "nobody"
    ]

    assert silent
    assert not any(
        "sentiment" in heard.labels("call-0001", start_us, start_us + WINDOW_US)
        for start_us in silent
    )


def test_every_mood_and_intent_comes_about_in_a_long_call() -> None:
    truth = hold_dialogue(600.0, stable_rng(1, "long"))

    assert {mood for _, _, mood in truth.mood.between(0.0, 600.0)} == set(MOODS)
    assert set(truth.intents.values()) == set(INTENTS)


def test_only_the_customer_carries_intents() -> None:
    truth = hold_dialogue(600.0, stable_rng(2, "long"))

    assert {truth.sentences[i].speaker for i in truth.intents} == {"customer"}


def test_a_mood_never_changes_while_the_customer_talks() -> None:
    truth = hold_dialogue(600.0, stable_rng(3, "long"))

    for sentence in truth.sentences:
        if sentence.speaker == "customer":
            assert truth.mood.throughout(sentence.start_s, sentence.end_s) is not None


def test_every_template_expands_to_words_without_template_marks() -> None:
    rng = stable_rng(4, "templates")
    for group in (*INTENTS.values(), *MOODS.values(), *OPENERS.values(), AGENT):
        for template in group:
            for _ in range(20):
                text = expand(template, rng)
                assert text
                assert not set("{}|") & set(text)


def test_each_intent_has_many_wordings() -> None:
    rng = stable_rng(5, "wordings")

    for templates in INTENTS.values():
        assert len({one_of(templates, rng) for _ in range(200)}) > 60


def test_intents_share_words_with_each_other() -> None:
    rng = stable_rng(6, "overlap")
    words = {
        intent: {word for _ in range(300) for word in one_of(templates, rng).split()}
        for intent, templates in INTENTS.items()
    }

    assert {"account", "plan"} <= words["billing"] & words["cancel"]


def test_no_transcript_names_a_mood_by_its_label() -> None:
    rng = stable_rng(7, "leak")
    for templates in (*INTENTS.values(), *MOODS.values(), AGENT):
        for _ in range(200):
            assert not set(MOODS) & set(one_of(templates, rng).split())
