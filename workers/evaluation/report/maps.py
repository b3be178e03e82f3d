"""Representations of many dimensions placed in two."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Items placed at most: t-SNE takes time that grows faster than their number.
MOST_ITEMS = 1_000
_SEED = 1
#: Neighbours that t-SNE looks at; as usual, less where there are few items.
_PERPLEXITY = 30.0


def chosen_items(count: int) -> NDArray[np.int64]:
    """Positions of the items that are placed, evenly spread, int64."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_ITEMS)).astype(np.int64))


def placed(representation: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
    """Name of a map -> places float64 (n, 2): by PCA, and by t-SNE (van der Maaten and Hinton,
    JMLR 9, 2008) where there are enough items. The same items give the same places.

    Raises ``EvaluationError`` where scikit-learn is not installed.
    """
    from workers.evaluation.extra import need_sklearn

    need_sklearn()
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    values = representation.astype(np.float64)
    if min(values.shape) < 2:
        return {}
    axes = PCA(2, random_state=_SEED).fit(values)
    told = axes.explained_variance_ratio_.sum()
    found = {f"PCA ({told:.0%} of the variance)": axes.transform(values)}
    perplexity = min(_PERPLEXITY, (len(values) - 1) / 3)
    if perplexity >= 2:
        tsne = TSNE(2, perplexity=perplexity, init="pca", random_state=_SEED)
        found["t-SNE"] = np.asarray(tsne.fit_transform(values), np.float64)
    return found
