"""What is to be done about a payload that cannot be decoded, with what is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from schemas.sample import Modality
from streams.compute import BadSample
from workers.codecs import decode
from workers.errors import CodecError
from workers.remedies import REMEDIES

WORKERS = Path(__file__).resolve().parents[2] / "workers"
#: The reason of a ``CodecError`` where it is raised; some are made of a word and a kind of file.
RAISED = re.compile(r"""raise CodecError\(\s*f?"([a-z0-9_{}.]+)",""")


def reasons() -> set[str]:
    """Every reason that is written down in the code."""
    found = {one for path in WORKERS.rglob("*.py") for one in RAISED.findall(path.read_text())}
    return {
        reason.replace("{kind}", kind).replace("{header.kind}", kind)
        for reason in found
        for kind in (("wav", "flac") if "{kind}" in reason else ("jpeg", "png"))
    }


def test_every_reason_has_a_remedy() -> None:
    # An image that we could not compress ourselves is not the producer's fault.
    assert reasons() - REMEDIES.keys() == {"bad_image"}


@pytest.mark.parametrize(
    ("modality", "content_type", "payload", "message"),
    [
        (
            Modality.AUDIO,
            "audio/wav",
            b"RIFF\x00\x00\x00\x00WAVEdata\x10\x00\x00\x00abcd",
            "WAV: 12 bytes of its data are missing; send every payload whole",
        ),
        (
            Modality.TEXT,
            "application/json",
            b'{"text": ',
            "expected JSON, got 9 other bytes; send every payload whole, or correct content-type",
        ),
        (
            Modality.VIDEO,
            "image/jpeg",
            b"GIF89a",
            "expected a JPEG or PNG, got neither's first bytes; send a JPEG or PNG",
        ),
    ],
)
def test_a_refusal_says_what_to_do(
    modality: Modality, content_type: str, payload: bytes, message: str
) -> None:
    refused = decode(modality, content_type, payload)
    assert isinstance(refused, BadSample)
    assert refused.message == message


def test_a_remedy_is_told_once() -> None:
    once = CodecError("not_utf8", "expected JSON in UTF-8")
    assert str(CodecError(once.reason, str(once))) == str(once)
