"""The trackers that come with the package can be opened as they lie."""

from __future__ import annotations

import pytest

from workers.registry.layout import SHIPPED
from workers.vehicle.fusion.manifest import read_tracking_model


@pytest.mark.parametrize("name", ["drive", "drive-raw"])
def test_a_shipped_tracker_is_read_with_its_digest(name: str) -> None:
    assert "car" in read_tracking_model(SHIPPED / name).parameters.classes
