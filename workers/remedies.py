"""What a producer does about a payload that cannot be decoded, by the reason of the refusal."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_WHOLE = "send every payload whole"
_CONTENT_TYPE = "correct content-type, or the input's content_type"

#: Reason of a ``CodecError`` -> what to do.
REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            ("truncated", "truncated_wav", "truncated_flac", "truncated_jpeg", "truncated_png"),
            _WHOLE,
        ),
        **dict.fromkeys(
            ("bad_wav", "bad_flac", "bad_jpeg", "bad_png", "undecodable"),
            "send a file that other programs open, or another content-type",
        ),
        **dict.fromkeys(
            ("unknown_content_type", "bad_parameter", "unsupported_format", "wrong_width"),
            _CONTENT_TYPE,
        ),
        **dict.fromkeys(
            ("unsupported_rate", "unsupported_channels"),
            "resample or mix it, or correct content-type",
        ),
        "odd_length": f"{_WHOLE}, or correct content-type",
        "no_audio": "leave empty chunks out",
        "audio_too_long": "send shorter chunks",
        "image_too_large": "send a smaller image",
        "not_an_image": "send a JPEG or PNG",
        "non_finite_value": "leave out what was not measured",
        "not_json": f"{_WHOLE}, or correct content-type",
        "bad_json": "send it in the form of its JSON Schema (schemas/contract)",
        "not_utf8": "send text in UTF-8",
        "unsupported_charset": "send text in UTF-8",
        "too_many_channels": "spread them over several sensors",
        "too_many_values": "send shorter blocks",
        "too_many_objects": "send the most important ones",
        "too_many_points": "thin the sweep out, or send it in parts",
        "vector_too_long": "send a shorter vector",
        "unknown_frame": "use the vehicle's frame, or name the calibration in the pipeline file",
        "unsent_modality": "take the input out of the model's",
    }
)


def with_remedy(reason: str, message: str) -> str:
    """The message and what to do, for a reason that has a remedy.

    >>> with_remedy("no_audio", "expected at least one sample, got a header alone")
    'expected at least one sample, got a header alone; leave empty chunks out'
    """
    remedy = REMEDIES.get(reason)
    if remedy is None or message.endswith(remedy):
        return message
    return f"{message}; {remedy}"
