"""A window as a chat request, bounded; a completion as probabilities, or an error."""

from __future__ import annotations

import base64
import io
import json
import wave
from typing import Any

import cv2
import numpy as np
import pytest

from schemas.remote import ChatRemote
from schemas.sample import Modality, Sample
from streams.align.types import Window, WindowSample
from streams.compute import BadSample
from tests.backends.conftest import chat
from tests.workers.models import TASKS
from tests.workers.payloads import encoded, example, picture, s16le, sample, tone
from workers.backends.chat.answer import read_answer
from workers.backends.chat.parts import UNSENT, to_part
from workers.backends.chat.request import chat_request

WINDOW_US = 2_000_000


def rules(**changes: Any) -> ChatRemote:
    return ChatRemote.model_validate(chat("http://127.0.0.1:1/v1", **changes))


def part(made: Sample, spec: ChatRemote) -> bytes:
    found = to_part(made, spec)
    assert isinstance(found, bytes)
    return found


def frame(width: int = 320, height: int = 240) -> Sample:
    payload = encoded(picture(width, height))
    return sample(Modality.VIDEO, "image/jpeg", payload, input="video", sensor="cam")


def chunk(seconds: float = 0.5, sensor: str = "mic") -> Sample:
    content_type = "audio/pcm;rate=16000;channels=1;format=s16le"
    payload = s16le(tone(440, seconds=seconds))
    return sample(Modality.AUDIO, content_type, payload, input="audio", sensor=sensor)


def words(text: str) -> Sample:
    return sample(Modality.TEXT, "text/plain", text.encode(), input="text", sensor="asr")


def window(spec: ChatRemote, *timed: tuple[Sample, int, int]) -> Window:
    held = tuple(
        WindowSample(each.sensor, each.input, n, start_us, end_us, part(each, spec))
        for n, (each, start_us, end_us) in enumerate(timed)
    )
    return Window(0, "s", 0, WINDOW_US, held, {}, 0)


def contents(spec: ChatRemote, *timed: tuple[Sample, int, int]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = chat_request(window(spec, *timed), spec)["messages"][1]["content"]
    return found


def texts(found: list[dict[str, Any]]) -> list[str]:
    return [each["text"] for each in found if each["type"] == "text"]


def clips(found: list[dict[str, Any]]) -> list[float]:
    """Lengths of the sounds, seconds."""
    out = []
    for each in found:
        if each["type"] == "input_audio":
            assert each["input_audio"]["format"] == "wav"
            data = base64.b64decode(each["input_audio"]["data"])
            with wave.open(io.BytesIO(data)) as file:
                assert (file.getframerate(), file.getnchannels()) == (16_000, 1)
                out.append(file.getnframes() / 16_000)
    return out


def shape_of(url: str) -> tuple[int, ...]:
    head, _, data = url.partition(",")
    assert head == "data:image/jpeg;base64"
    pixels = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return tuple(pixels.shape)


# -- samples ------------------------------------------------------------------------------------


def test_a_small_frame_is_kept_as_it_came() -> None:
    made = frame()
    assert part(made, rules(max_frame_px=320)) == b"J" + made.payload


def test_a_large_frame_is_shrunk_in_proportion() -> None:
    kept = part(frame(640, 480), rules(max_frame_px=160))[1:]
    pixels = cv2.imdecode(np.frombuffer(kept, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    assert pixels.shape == (120, 160, 3)


def test_a_frame_of_many_bytes_is_compressed_again() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    png = encoded(noise, ".png")
    made = sample(Modality.IMAGE, "image/png", png, input="video")
    kept = part(made, rules(max_frame_px=512))
    assert kept[:1] == b"J"
    assert len(kept) < len(png)


def test_an_input_that_is_not_listed_is_not_kept() -> None:
    assert part(chunk(), rules(inputs=["video"])) == UNSENT


def test_audio_is_kept_as_16_bit_values() -> None:
    assert len(part(chunk(0.5), rules())) == 1 + 2 * 8_000


def test_a_speaker_comes_before_the_text() -> None:
    body = json.dumps({"text": "good day", "speaker": "agent"}).encode()
    made = sample(Modality.TEXT, "application/json", body, input="text")
    assert part(made, rules()) == b"Tagent: good day"


def test_a_long_text_is_cut() -> None:
    assert len(part(words("x" * 100_000), rules())) == 1 + 8_000


@pytest.mark.parametrize("modality", [m for m in Modality if m is not Modality.POINTS])
def test_a_damaged_payload_is_a_bad_sample(modality: Modality) -> None:
    content_type, payload = example(modality, 3)
    damaged = payload[: len(payload) // 2] + b"\xff"
    if modality is Modality.AUDIO:
        damaged = payload[:-1]
    found = to_part(sample(modality, content_type, damaged, input=modality.value), rules())
    assert isinstance(found, BadSample)


# -- requests -----------------------------------------------------------------------------------


def test_samples_come_in_order_of_time_with_sensor_and_relative_time() -> None:
    found = contents(
        rules(),
        (words("hello"), 1_000_000, 1_500_000),
        (frame(), 500_000, 500_000),
        (chunk(), 0, 500_000),
    )
    assert [each["type"] for each in found] == [
        "text",
        "text",
        "input_audio",
        "text",
        "image_url",
        "text",
    ]
    assert texts(found) == [
        "The span has 2 s.",
        "[+0.00 s to +0.50 s] mic:",
        "[+0.50 s] cam:",
        "[+1.00 s to +1.50 s] asr: hello",
    ]


def test_a_frame_is_a_data_url() -> None:
    images = [e for e in contents(rules(), (frame(64, 48), 0, 0)) if e["type"] == "image_url"]
    assert shape_of(images[0]["image_url"]["url"]) == (48, 64, 3)


def test_frames_beyond_the_bound_are_thinned_evenly() -> None:
    spec = rules(max_frames=4)
    times = range(0, WINDOW_US, WINDOW_US // 16)
    found = contents(spec, *((frame(64, 48), at, at) for at in times))
    assert texts(found)[1:] == [f"[+{s:.2f} s] cam:" for s in (0.0, 0.5, 1.0, 1.5)]


def test_no_frames_may_be_sent() -> None:
    assert texts(contents(rules(max_frames=0), (frame(), 0, 0)))[1:] == [
        "No sensor recorded anything in it."
    ]


def test_chunks_that_follow_on_each_other_are_one_sound() -> None:
    found = contents(
        rules(),
        (chunk(), 0, 500_000),
        (chunk(sensor="other"), 0, 500_000),
        (chunk(), 500_000, 1_000_000),
        (chunk(), 1_500_000, 2_000_000),
    )
    assert sorted(clips(found)) == [0.5, 0.5, 1.0]


def test_of_too_much_audio_the_newest_is_sent() -> None:
    times = range(0, WINDOW_US, 500_000)
    found = contents(rules(max_audio="1s"), *((chunk(), at, at + 500_000) for at in times))
    assert clips(found) == [1.0]
    assert texts(found)[1:] == ["[+1.00 s to +2.00 s] mic:"]


def test_of_too_much_text_the_newest_is_sent() -> None:
    spec = rules(max_text_chars=8)
    found = contents(spec, (words("first"), 0, 0), (words("second"), 1_000_000, 1_000_000))
    assert texts(found)[1:] == ["[+0.00 s] asr: st", "[+1.00 s] asr: second"]


def test_the_answer_is_constrained_to_every_task_and_label() -> None:
    body = chat_request(window(rules()), rules())
    schema = body["response_format"]["json_schema"]["schema"]
    assert body["response_format"]["json_schema"]["strict"] is True
    assert schema["required"] == list(TASKS)
    assert schema["additionalProperties"] is False
    assert schema["properties"]["place"]["required"] == TASKS["place"]
    assert body["temperature"] == 0.0


def test_the_prompt_and_the_labels_are_told() -> None:
    told = chat_request(window(rules()), rules())["messages"][0]["content"]
    assert told.startswith("What is going on?")
    assert "- place: here, there, nowhere" in told


# -- answers ------------------------------------------------------------------------------------

GOOD = {"mood": {"low": 0.25, "high": 0.75}, "place": {"here": 1, "there": 0, "nowhere": 0}}


def completion(content: object, **choice: object) -> bytes:
    text = content if isinstance(content, str) else json.dumps(content)
    return json.dumps({"choices": [{"message": {"content": text}, **choice}]}).encode()


def test_a_good_answer_is_read() -> None:
    assert read_answer(completion(GOOD), TASKS) == GOOD


def test_probabilities_that_nearly_add_up_to_one_are_made_to() -> None:
    told = {**GOOD, "mood": {"low": 0.3, "high": 0.6}}
    found = read_answer(completion(told), TASKS)["mood"]
    assert found == pytest.approx({"low": 1 / 3, "high": 2 / 3})


BAD: dict[str, tuple[bytes, str]] = {
    "not JSON": (b"<html>", "expected a chat completion"),
    "no choices": (b'{"choices": []}', "expected a choice"),
    "cut off": (completion(GOOD, finish_reason="length"), "raise max_tokens"),
    "words": (completion("The mood is low."), "expected JSON"),
    "nothing": (b'{"choices": [{"message": {"content": null}}]}', "expected JSON"),
    "a list": (completion([1, 2]), "expected the tasks"),
    "a task missing": (completion({"mood": GOOD["mood"]}), "expected the tasks"),
    "a task more": (completion({**GOOD, "weather": {}}), "expected the tasks"),
    "a label missing": (completion({**GOOD, "mood": {"low": 1}}), "mood: expected the labels"),
    "a label more": (
        completion({**GOOD, "mood": {"low": 1, "high": 0, "none": 0}}),
        "mood: expected the labels",
    ),
    "text": (completion({**GOOD, "mood": {"low": "1", "high": 0}}), "mood: expected numbers"),
    "true": (completion({**GOOD, "mood": {"low": True, "high": 0}}), "mood: expected numbers"),
    "negative": (completion({**GOOD, "mood": {"low": 2, "high": -1}}), "mood: expected numbers"),
    "infinite": (
        completion('{"mood": {"low": 1e999, "high": 0}, "place": {}}'),
        "mood: expected|expected JSON",
    ),
    "all zero": (completion({**GOOD, "mood": {"low": 0, "high": 0}}), "sum 1, got 0"),
    "per cent": (completion({**GOOD, "mood": {"low": 25, "high": 75}}), "sum 1, got 100"),
}


@pytest.mark.parametrize("answer", BAD)
def test_an_answer_that_breaks_the_schema_is_refused(answer: str) -> None:
    body, words_ = BAD[answer]
    with pytest.raises(ValueError, match=words_):
        read_answer(body, TASKS)


def test_the_answer_is_not_repeated_in_the_error() -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        read_answer(completion("the patient Jane Doe"), TASKS)
    assert "Jane" not in str(caught.value)
