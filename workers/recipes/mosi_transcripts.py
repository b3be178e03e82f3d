"""CMU-MOSI with the words of its transcripts beside the given features: the recipe ``mosi`` and,
as one input more, sentence vectors of the given transcripts.

The sentence vectors are of a packaged network that has never seen a label of this data set, so that
what a classifier of them says of training videos that it has not learnt from is honest.
"""

from __future__ import annotations

from pathlib import Path

from workers.recipes.base import Recipe
from workers.recipes.measure import Measured
from workers.recipes.mosi import PLAIN, WITHOUT_CONTEXT, classifier


def recipe() -> Recipe:
    """The recipe ``mosi-transcripts``."""
    claim = "Sentiment in CMU-MOSI from the given features and transcripts, above bc-LSTM's 80.3 %"
    changes = (PLAIN, WITHOUT_CONTEXT)
    return Measured(classifier(Path(__file__).with_suffix(".yaml"), claim, changes))
