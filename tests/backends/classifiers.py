"""Tiny classifiers of transformers with random weights, as a user would have them on disk."""

from __future__ import annotations

from pathlib import Path

import msgspec
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from tests.workers.models import TASKS
from workers.backends.huggingface.description import (
    ClassifierForm,
    ClassifiersManifest,
    digests,
)
from workers.backends.opening import CLASSIFIERS
from workers.registry.layout import MODEL_FILE

WORDS = ["cancel", "the", "plan", "router", "bill", "please", "a"]


def write_classifiers(folder: Path, seed: int = 0) -> None:
    """Mood by text (three outputs for two labels) and sound, place by frames."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        _text(folder / "text")
        _audio(folder / "audio")
        _video(folder / "video")
    forms = {
        "text": ClassifierForm("text", "mood", ["low", "low", "high"], digests(folder / "text")),
        "audio": ClassifierForm("audio", "mood", TASKS["mood"], digests(folder / "audio")),
        "video": ClassifierForm("video", "place", TASKS["place"], digests(folder / "video")),
    }
    manifest = ClassifiersManifest("tiny", "1", CLASSIFIERS, TASKS, forms)
    (folder / MODEL_FILE).write_bytes(msgspec.json.encode(manifest))


def _text(folder: Path) -> None:
    vocabulary = {word: index for index, word in enumerate(["[PAD]", "[UNK]", "[CLS]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A", special_tokens=[("[CLS]", 2)]
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]"
    ).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        num_labels=3,
    )
    transformers.BertForSequenceClassification(config).save_pretrained(folder)


def _audio(folder: Path) -> None:
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder)
    config = transformers.Wav2Vec2Config(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(16, 16),
        conv_kernel=(40, 8),
        conv_stride=(20, 8),
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
        classifier_proj_size=16,
        num_labels=2,
    )
    transformers.Wav2Vec2ForSequenceClassification(config).save_pretrained(folder)


def _video(folder: Path) -> None:
    size = {"height": 32, "width": 32}
    transformers.ViTImageProcessor(size=size).save_pretrained(folder)
    config = transformers.ViTConfig(
        image_size=32,
        patch_size=8,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        num_labels=3,
    )
    transformers.ViTForImageClassification(config).save_pretrained(folder)
