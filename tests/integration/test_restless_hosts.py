"""Hosts on which containers start and end while they are read, as those that build software."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import FAIL
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    BOOT,
    DAEMON_CONFIG,
    ENGINE,
    SERVICE,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import OF_EVERY_AUDIT
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks

from tests.integration.snapshots import install_readers, read_host
from tests.lab.host import Host
from tests.lab.scenario import Scenario, Workload
from tests.lab.workload import IMAGE

READINGS = 3
LONGEST_SECONDS = 240
STEADY = Scenario(containers=[Workload("steady", publish=["8000:80"]), Workload("broken", publish=["8001:80"])])
# What one answer of the daemon says is true of a container, however short it lives.
OF_ONE_MOMENT = frozenset({ENGINE, SERVICE, DAEMON_CONFIG, BOOT})
JUDGED = {check.id for check in OF_EVERY_AUDIT if not OF_ONE_MOMENT.issuperset(check.needs)}
LOOP = f"""
while docker run --detach --rm --name brief-$1 --publish $((9000 + $1)):80 {IMAGE} /bin/serve 80; do
    echo >>/run/brief-lives
    docker rm --force brief-$1
done
"""


def failures(snapshot: HostSnapshot) -> set[tuple[str, str]]:
    """Check and resource, of what needs more than one answer."""
    findings = run_checks(AuditContext(snapshot, Settings()))
    return {(item.check, item.resource.name) for item in findings if item.outcome == FAIL and item.check in JUDGED}


@contextmanager
def coming_and_going(host: Host) -> Iterator[None]:
    """Two containers that start and end all the time while the body runs, and at least twice before."""
    host.run(["rm", "-f", "/run/brief-lives"])
    units = [f"run-brief-{number}.service" for number in (1, 2)]
    limit = f"--property=RuntimeMaxSec={LONGEST_SECONDS}"
    for number, unit in enumerate(units, 1):
        host.run(["systemd-run", "--collect", f"--unit={unit}", limit, "sh", "-c", LOOP, "sh", str(number)])
    try:
        host.wait_for(lambda: lives(host) > 1, 120, "brief containers")
        yield
    finally:
        host.run(["systemctl", "stop", *units], check=False)
        host.run("docker ps --all --quiet --filter name=brief | xargs --no-run-if-empty docker rm --force", check=False)


def lives(host: Host) -> int:
    return len(host.run(["cat", "/run/brief-lives"], check=False).out.splitlines())


@pytest.mark.long
def test_containers_that_come_and_go_are_not_taken_for_broken_ones(fresh_host: Host) -> None:
    host = fresh_host
    host.deploy(STEADY)
    install_readers(host)
    # What is broken for good is found, whoever comes and goes beside it.
    host.run(["pkill", "--full", "docker-proxy.* -host-port 8001 "])
    host.wait_for(lambda: ("proxy.missing", "broken:80/tcp") in failures(read_host(host)), 120, "a broken port")
    quiet = failures(read_host(host))

    with coming_and_going(host):
        before = lives(host)
        found = [failures(read_host(host)) for dummy in range(READINGS)]
        assert lives(host) > before

    for each in found:
        assert each <= quiet
        assert ("proxy.missing", "broken:80/tcp") in each
    host.wait_for(lambda: not read_host(host).container_churn, 120, "containers to keep still")
    assert failures(read_host(host)) == quiet
