"""Every recipe can be asked for by its name."""

from __future__ import annotations

import pytest

from workers.recipes.catalog import MODULES, find_recipe


@pytest.mark.parametrize("name", MODULES)
def test_a_recipe_is_found_by_its_name_and_says_what_it_claims(name: str) -> None:
    recipe = find_recipe(name)
    assert recipe.name == name
    assert recipe.claim
