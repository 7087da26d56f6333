# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet is hardened one host first: where the second is lost, those behind it are not touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.integration.harden_runs import HARDEN, actions, differences, settled, starts, state
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.machine_lock import file_lock

# With no container running, this takes a restart of dockerd that nobody minds.
WISHES = {"harden_daemon_config": {"default-address-pools": [{"base": "10.200.0.0/16", "size": 24}]}}
JOURNAL = "/var/lib/dockernet-baseline"


@pytest.fixture
def fleet(lab: Lab) -> Iterator[list[Host]]:
    """All hosts of the lab, fresh, in the order of the inventory; nobody else has them meanwhile."""
    hosts = lab.fleet
    if len(hosts) < 3:
        pytest.skip("takes three hosts")
    with ExitStack() as held:
        for host in hosts:
            held.enter_context(file_lock(lab.identity.state / "busy" / host.name))
        for host in hosts:
            host.reset()
        yield hosts


def without_dockerd(host: Host) -> dict[str, Any]:
    host.run(["systemctl", "stop", "docker.socket", "docker.service"])
    return {}


def without_a_way_in(host: Host) -> dict[str, Any]:
    """Variables with which this host alone cannot be reached."""
    return {"ansible_port": f"{{{{ 1 if inventory_hostname == '{host.name}' else 22 }}}}"}


@pytest.mark.long
@pytest.mark.xdist_group("fleet")
@pytest.mark.parametrize(
    ("lose", "told"), [(without_dockerd, "failures"), (without_a_way_in, "unreachable")], ids=["failed", "unreachable"]
)
def test_no_host_is_begun_behind_one_that_was_lost(
    fleet: list[Host], lab: Lab, lose: Callable[[Host], dict[str, Any]], told: str
) -> None:
    first, second, *rest = fleet
    lost = lose(second)
    before = [settled(host) for host in rest]
    begun = [starts(host) for host in (first, *rest)]
    done = lab.ansible_playbook(HARDEN, extra_vars={**WISHES, **lost})
    assert done.rc != 0
    assert set(done.stats) == {first.name, second.name}
    assert done.stats[second.name][told] == 1
    assert done.stats[first.name]["changed"] > 0
    assert "default-address-pools" in first.read("/etc/docker/daemon.json")
    assert [starts(host) for host in (first, *rest)] == [begun[0] + 1, *begun[1:]]
    for host, then in zip(rest, before, strict=True):
        assert differences(then, state(host)) == {}, host.name
        assert not host.exists(JOURNAL)


@pytest.mark.long
@pytest.mark.xdist_group("fleet")
def test_losses_can_be_allowed_and_batches_made_larger(fleet: list[Host], lab: Lab) -> None:
    second = fleet[1]
    pace = {"dockernet_serial": 2, "dockernet_max_fail_percentage": 100, **without_a_way_in(second)}
    done = lab.ansible_playbook(HARDEN, extra_vars={**WISHES, **pace})
    assert done.rc != 0
    assert set(done.stats) == {host.name for host in fleet}, done.out
    assert all("default-address-pools" in host.read("/etc/docker/daemon.json") for host in fleet if host is not second)


@pytest.mark.xdist_group("fleet")
def test_a_batch_that_was_begun_goes_to_its_end_and_the_rest_is_named(fleet: list[Host], lab: Lab) -> None:
    first, second, third, *rest = fleet
    done = lab.ansible_playbook(HARDEN, extra_vars={**WISHES, "dockernet_serial": 2, **without_a_way_in(second)})
    assert "default-address-pools" in first.read("/etc/docker/daemon.json")
    assert actions(done)["daemon_config"]
    told = [str(task.result["msg"]) for task in done.of("ansible.builtin.debug") if task.outcome == "ok"][-1]
    assert f"The run stops before {third.name}" in told
    assert f"{second.name} failed or could not be reached" in told
    assert not any(host.exists(JOURNAL) for host in (third, *rest))
