"""Samples behind some answers, right and wrong, as HTML: the user's data, so only on request."""

from __future__ import annotations

import html
import io
from collections.abc import Sequence

import numpy as np

from schemas.content_type import VECTOR
from streams.feed.item import FeedItem
from workers.datasets.base import DataSet
from workers.evaluation.predictions import Predictions
from workers.evaluation.report.drawing import COLOURS, as_image, image_element, new_figure

#: Of each kind, and samples shown of one window.
_EXAMPLES, _SAMPLES = 6, 6
#: Longest text shown, and longest side of a picture in pixels.
_TEXT, _PIXELS = 400, 220


def examples(predictions: Predictions, data_set: DataSet, window_us: int) -> str:
    """The surest wrong answers, and right ones evenly spread over the data."""
    right = predictions.predicted == predictions.truth
    answered = predictions.predicted >= 0
    sure = np.nan_to_num(predictions.probabilities).max(axis=1)
    wrong_at = np.flatnonzero(~right & answered)
    wrong_at = wrong_at[np.argsort(-sure[wrong_at], kind="stable")][:_EXAMPLES]
    right_at = np.flatnonzero(right)
    if len(right_at):
        places = np.linspace(0, len(right_at) - 1, min(_EXAMPLES, len(right_at)))
        right_at = right_at[np.unique(places.astype(np.int64))]
    shown = [*wrong_at.tolist(), *right_at.tolist()]
    samples = _samples_of(predictions, shown, data_set, window_us)
    parts = []
    for title, chosen in (
        ("Wrong: the surest", wrong_at.tolist()),
        ("Right: evenly spread", right_at.tolist()),
    ):
        cards = "".join(_card(predictions, at, samples[at]) for at in chosen)
        parts.append(f'<h3>{title}</h3><div class="cards">{cards or "<p>None.</p>"}</div>')
    return "".join(parts)


def _samples_of(
    predictions: Predictions, shown: Sequence[int], data_set: DataSet, window_us: int
) -> dict[int, list[FeedItem]]:
    """The samples whose event time lies in each window; else the newest before it, as held ones."""
    found: dict[int, list[FeedItem]] = {at: [] for at in shown}
    held: dict[int, dict[str, FeedItem]] = {at: {} for at in shown}
    by_session: dict[str, list[int]] = {}
    for at in shown:
        by_session.setdefault(predictions.sessions[at], []).append(at)
    for item in data_set.items():
        for at in by_session.get(item.session, ()):
            start_us = int(predictions.starts_us[at])
            if start_us <= item.start_us < start_us + window_us:
                if len(found[at]) < _SAMPLES:
                    found[at].append(item)
            elif item.start_us < start_us:
                held[at][item.sensor] = item
    return {at: samples or list(held[at].values())[:_SAMPLES] for at, samples in found.items()}


def _card(predictions: Predictions, at: int, samples: Sequence[FeedItem]) -> str:
    truth = predictions.labels[predictions.truth[at]]
    said = predictions.labels[predictions.predicted[at]]
    sure = predictions.probabilities[at].max()
    mark = "right" if truth == said else "wrong"
    head = f"<b>{html.escape(said)}</b> {sure:.2f}" + (
        "" if truth == said else f", true: <b>{html.escape(truth)}</b>"
    )
    body = "".join(_sample(item) for item in samples)
    session = html.escape(predictions.sessions[at])
    return (
        f'<div class="card {mark}"><p>{head}</p>{body}<p class="small">session {session}</p></div>'
    )


def _sample(item: FeedItem) -> str:
    kind = item.content_type.partition(";")[0].strip()
    shown = _shown(kind, item)
    what = shown or f"<p>{kind}, {len(item.payload):,} bytes</p>"
    return f'<p class="small">{html.escape(item.input)}</p>{what}'


def _shown(kind: str, item: FeedItem) -> str | None:
    """The payload as HTML; ``None`` for a form that has no picture here, or is damaged."""
    if kind.startswith("image/"):
        return _picture(item.payload)
    if kind.startswith("audio/"):
        return _waveform(item)
    if kind == VECTOR:
        return f"<p>a vector of {len(item.payload) // 4} values</p>"
    if kind.startswith("text/") or kind == "application/json":
        text = item.payload.decode(errors="replace")
        shortened = text if len(text) <= _TEXT else text[:_TEXT] + " …"
        return f"<blockquote>{html.escape(shortened)}</blockquote>"
    return None


def _picture(payload: bytes) -> str | None:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(payload)) as image:
            small = image.convert("RGB")
            if max(small.size) < _PIXELS // 3:
                factor = _PIXELS // max(small.size)
                size = (small.width * factor, small.height * factor)
                small = small.resize(size, Image.Resampling.NEAREST)
            small.thumbnail((_PIXELS, _PIXELS))
            out = io.BytesIO()
            small.save(out, "JPEG", quality=85)
    except (UnidentifiedImageError, OSError, ValueError):
        return None
    return image_element("image/jpeg", out.getvalue(), "a sample of the data")


def _waveform(item: FeedItem) -> str | None:
    from workers.codecs.audio import read_signal
    from workers.codecs.media_type import parse_media_type
    from workers.errors import CodecError

    try:
        signal = read_signal(item.payload, parse_media_type(item.content_type))
    except CodecError:
        return None
    figure, (axis,) = new_figure(2.6, 0.8)
    step = max(1, len(signal) // 2_000)
    axis.plot(np.asarray(signal)[::step], color=COLOURS[0], linewidth=0.4)
    axis.axis("off")
    return as_image(figure, "the sound's wave")
