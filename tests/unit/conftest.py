from __future__ import annotations

import pytest

from tests.lab.shares import SHORT, wanted_share


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With SHARE=short leave out what is marked `long`."""
    if wanted_share() == SHORT:
        items[:] = [item for item in items if item.get_closest_marker("long") is None]
