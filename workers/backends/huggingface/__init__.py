"""Hugging Face transformers folders on disk: a classifier a modality."""
