"""Fixtures for tests on lab hosts.

A conftest.py takes them with `from tests.lab.fixtures import engine_host, fresh_host, lab`. Run such tests with
`pytest -n 4 --dist loadgroup`: all tests of a host then run one after the other in one worker. The lab must be up
already (`make lab`; environment LAB names it). HOSTS="debian11 debian13" restricts the hosts, SHARE=short or SHARE=long
the tests (shares.py).

`@pytest.mark.kinds("debian11", "debian13-docker28")` is for a test that cannot run, or says nothing new, on others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.lab import lifecycle
from tests.lab.host import Host
from tests.lab.kinds import HostName, parse_hosts
from tests.lab.lab import Lab
from tests.lab.machine_lock import file_lock
from tests.lab.proc import LabError
from tests.lab.shares import allowed_kinds, kind_of, share_of, wanted_share


def host_parameters() -> list[object]:
    """A parameter for each kind of host (or those of HOSTS), each in a group of its own."""
    names = [host.name for host in parse_hosts([os.environ.get("HOSTS", "")])]
    return [pytest.param(name, id=name, marks=pytest.mark.xdist_group(name)) for name in names]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out tests on kinds of hosts that their mark `kinds` does not name, and those of the other share."""
    share = wanted_share()
    items[:] = [item for item in items if kind_of(item) in (None, *allowed_kinds(item))]
    items[:] = [item for item in items if share in ("", share_of(item))]


@pytest.fixture(scope="session")
def lab() -> Lab:
    """The lab named by the environment; without it tests fail with a clear word."""
    try:
        return Lab.open()
    except LabError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(params=host_parameters())
def engine_host(request: pytest.FixtureRequest, lab: Lab) -> Iterator[Host]:
    """Each host in turn, as the last test left it. No other test, of whatever run, has the host meanwhile."""
    host = lab.host(request.param)
    with file_lock(lab.identity.state / "busy" / host.name):
        yield host


def hosts_beside(*names: str) -> pytest.MarkDecorator:
    """A test runs on these hosts, which no lab has unless they are named, one after the other; reset before."""
    parameters = [pytest.param(name, id=name, marks=pytest.mark.xdist_group(name)) for name in names]
    return pytest.mark.parametrize("host_beside", parameters, indirect=True)


@pytest.fixture
def host_beside(request: pytest.FixtureRequest, lab: Lab) -> Iterator[Host]:
    """The host that hosts_beside() names, started where the lab has none of that name. It goes with the lab."""
    name = HostName.parse(request.param)
    with file_lock(lab.identity.state / "busy" / name.name):
        host = lab.host(name.name) if name.name in lab.hosts else lifecycle.add(lab.identity, name, print)
        host.reset()
        yield host


@pytest.fixture
def fresh_host(engine_host: Host) -> Host:
    """Each host in turn, brought back to the state after its first boot."""
    engine_host.reset()
    return engine_host
