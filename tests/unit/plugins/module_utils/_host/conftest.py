"""What the libraries of managed hosts do that pytest would take for a fault of ours."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

LIBRARIES = (
    # pyroute2 0.5.14 and docker 4.1.0, when they are loaded.
    "ignore:distutils Version classes:DeprecationWarning",
    # The docker SDK does not close a socket that it could not connect.
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
USERS = ("test_engine_api.py", "test_read.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.name in USERS:
            for warning in LIBRARIES:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(autouse=True)
def collected(request: pytest.FixtureRequest) -> Iterator[None]:
    """Leave no such socket to the next test's garbage collector."""
    yield
    if request.path.name in USERS:
        gc.collect()
