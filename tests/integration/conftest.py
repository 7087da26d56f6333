from collections.abc import Iterator

import pytest

from tests.integration.catalogue.scenario import make_healthy
from tests.integration.snapshots import install_readers
from tests.lab.fixtures import engine_host, fresh_host, host_beside, lab, pytest_collection_modifyitems
from tests.lab.host import Host

__all__ = ["engine_host", "fresh_host", "healthy_host", "host_beside", "lab", "pytest_collection_modifyitems"]

HEALTHY = "/srv/made-healthy"
"""Lies on a host while it is the healthy one. A reset takes it away."""


@pytest.fixture
def healthy_host(engine_host: Host, request: pytest.FixtureRequest) -> Iterator[Host]:
    """Each host in turn as the catalogue's healthy one, for a test that takes back all that it changes.

    It is made once for tests that follow each other, and anew after one that failed.
    """
    if not engine_host.exists(HEALTHY):
        engine_host.reset()
        install_readers(engine_host)
        make_healthy(engine_host)
    engine_host.run(["rm", "--force", HEALTHY])
    failed = request.session.testsfailed
    yield engine_host
    if request.session.testsfailed == failed:
        engine_host.write(HEALTHY, "")
