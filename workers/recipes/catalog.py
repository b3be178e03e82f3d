"""The recipes, by name; each is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module

from workers.errors import EvaluationError
from workers.recipes.base import Recipe

#: Name -> module of this package, whose ``recipe()`` gives it.
MODULES: dict[str, str] = {
    "mosi": "mosi",
    "mosi-transcripts": "mosi_transcripts",
    "banking77": "banking77",
    "clinc150": "clinc150",
    "emodb": "emodb",
    "pneumoniamnist": "pneumoniamnist",
    "pocus": "pocus",
    "kitti-tracking": "kitti_tracking",
    "comma2k19": "comma2k19",
    "kitti-raw": "kitti_raw",
}


def find_recipe(name: str) -> Recipe:
    """The recipe of a name. Raises ``EvaluationError`` where there is none."""
    if name not in MODULES:
        raise EvaluationError(f"recipe: expected one of {', '.join(MODULES)}, got {name[:40]!r}")
    module = import_module(f"workers.recipes.{MODULES[name]}")
    recipe: Recipe = module.recipe()
    return recipe
