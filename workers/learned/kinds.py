"""Which parts a plan may name, and where each lies: loaded when one is named, not before."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from schemas.validation import explain

#: Kind of encoder -> its class, as ``module:Class`` below ``workers.learned``.
ENCODERS: Mapping[str, str] = {
    "image": "encoders.image:ImageCnn",
    "news2": "encoders.news2:EarlyWarningEncoder",
    "ngrams": "encoders.ngrams:WordBag",
    "sentence": "encoders.sentence:SentenceVectors",
    "series": "encoders.series:SeriesEncoder",
    "spectrogram": "encoders.spectrogram:SpectrogramCnn",
    "speech": "encoders.speech:SpeechFunctionals",
    "texture": "encoders.texture:TextureEncoder",
    "vector": "encoders.vector:GivenVector",
    "words": "encoders.words:WordsEncoder",
}
#: Form of fusion -> its class.
FUSIONS: Mapping[str, str] = {
    "attention": "fusion.attention:AttentionFusion",
    "concatenation": "fusion.concatenation:ConcatenationFusion",
    "evidence": "fusion.evidence:EvidenceFusion",
    "sum": "fusion.sum:SumFusion",
}
#: Kind of context -> its class.
CONTEXTS: Mapping[str, str] = {
    "attention": "context.attention:AttentionContext",
    "newest": "context.newest:NewestContext",
    "none": "context.none:NoContext",
    "recurrence": "context.recurrence:RecurrenceContext",
}


def load(kinds: Mapping[str, str], kind: str) -> Any:
    """The class of a kind that is registered; only these are ever imported.

    Raises ``ValueError`` for another.
    """
    if kind not in kinds:
        raise ValueError(f"expected one of {', '.join(sorted(kinds))}, got {kind!r}")
    module, _, name = kinds[kind].partition(":")
    return getattr(importlib.import_module(f"workers.learned.{module}"), name)


def read_options(kinds: Mapping[str, str], tag: str, value: object) -> BaseModel:
    """The options of a part from what a plan says: ``tag`` is the key that names its kind.

    Raises ``ValueError`` that names the key at fault.
    """
    if isinstance(value, BaseModel):
        return value
    if not isinstance(value, dict) or not isinstance(value.get(tag), str):
        raise ValueError(f"expected a mapping with {tag}: one of {', '.join(sorted(kinds))}")
    try:
        options: type[BaseModel] = load(kinds, value[tag]).Options
    except ValueError as error:
        raise ValueError(f"{tag}: {error}") from None
    try:
        return options.model_validate(value)
    except ValidationError as error:
        problem = explain(error, options)[0]
        raise ValueError(f"{problem.key}: {problem.message}") from None
