"""The packages of the extra ``train``, and what to say where they are not installed."""

from __future__ import annotations

from importlib.util import find_spec

from workers.errors import EvaluationError


def need_sklearn() -> None:
    """Raise ``EvaluationError`` where scikit-learn is not installed."""
    _need("sklearn", "scikit-learn")


def need_matplotlib() -> None:
    """Raise ``EvaluationError`` where matplotlib is not installed."""
    _need("matplotlib", "matplotlib")


def _need(module: str, package: str) -> None:
    if find_spec(module) is None:
        raise EvaluationError(
            f"expected the package {package}, got none installed; pip install 'sensorium[train]'"
        )
