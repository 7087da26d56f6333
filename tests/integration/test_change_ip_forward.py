"""ip_forward on real hosts: now, after a reboot, and never with somebody else's file."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.advertising import (
    has_advertised_route,
    plug_router,
    remove_router,
    wait_for_advertised_route,
)
from tests.integration.catalogue.scenario import uses_nftables
from tests.integration.host_state import host_state
from tests.lab.ansible_runs import ansible_module
from tests.lab.host import Host
from tests.lab.proc import CommandError
from tests.lab.scenario import NetworkSpec, Scenario, Workload
from tests.lab.vantage import PATIENCE

MODULE = "dockernet.baseline.ip_forward"
OWN_FILE = "/etc/sysctl.d/99-dockernet-baseline.conf"
KNOB = "net.ipv4.ip_forward"


def run(host: Host, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
    return ansible_module(host, MODULE, arguments, check=check, diff=True)


def said(result: dict[str, Any]) -> dict[str, Any]:
    """What check mode must foretell."""
    return {key: result.get(key) for key in ("actions", "diff", "disruptions", "warnings")}


def boot_settings(host: Host) -> None:
    """Apply all sysctl files, as the host's own boot does."""
    host.run(["/lib/systemd/systemd-sysctl"])


def test_forwarding_is_turned_on_now_and_for_boot(fresh_host: Host) -> None:
    fresh_host.deploy(Scenario([NetworkSpec("shop")], [Workload("web", ["shop"], publish=["8080:80"])]))
    fresh_host.break_("forwarding-not-persistent")
    fresh_host.break_("forwarding-off")
    before = host_state(fresh_host)

    predicted = run(fresh_host, check=True)
    assert host_state(fresh_host) == before

    done = run(fresh_host)
    assert done["changed"]
    assert said(done) == said(predicted)
    assert fresh_host.sysctl(KNOB) == "1"
    assert fresh_host.container("web").tcp("203.0.113.9", 80) == "answered"

    after = host_state(fresh_host)
    assert run(fresh_host)["actions"] == []
    assert host_state(fresh_host) == after

    fresh_host.set_sysctl(KNOB, "0")
    boot_settings(fresh_host)
    assert fresh_host.sysctl(KNOB) == "1"


def test_a_later_file_of_somebody_else_is_outdone_and_left_alone(fresh_host: Host) -> None:
    fresh_host.break_("sysctl-overrides")
    theirs = "/etc/sysctl.d/99-zz-router-off.conf"
    content = fresh_host.read(theirs)

    done = run(fresh_host)

    assert done["changed"]
    assert any(theirs in action for action in done["actions"]), done["actions"]
    assert fresh_host.read(theirs) == content
    fresh_host.set_sysctl(KNOB, "0")
    boot_settings(fresh_host)
    assert fresh_host.sysctl(KNOB) == "1"
    assert run(fresh_host)["actions"] == []


# A line for a bridge that Docker makes later is applied by udev, not here: the interfaces are eth0 and default.
THEIRS = {
    "/etc/sysctl.d/10-router.conf": f"{KNOB} = 1\nnet.ipv4.conf.all.forwarding = 0\n",
    "/etc/sysctl.d/99-zz-closed.conf": "net.ipv4.conf.eth0.forwarding = 0\nnet.ipv4.conf.default.forwarding = 0\n",
}


@pytest.mark.long
def test_what_boot_sets_is_what_was_promised_with_either_loader(fresh_host: Host) -> None:
    """Files of others that use both names of the knob and close interfaces, applied by systemd's and procps' loader."""
    host = fresh_host
    host.run("rm -f /etc/sysctl.d/99-forward.conf")
    for path, content in THEIRS.items():
        host.write(path, content)
    keys = [KNOB, "net.ipv4.conf.eth0.forwarding", "net.ipv4.conf.default.forwarding"]

    done = run(host, interfaces=["eth0"])

    assert any("99-zz-closed.conf" in action for action in done["actions"]), done
    assert run(host, interfaces=["eth0"])["actions"] == []
    for loader in (["/lib/systemd/systemd-sysctl"], ["sysctl", "--system"]):
        for key in keys:
            host.set_sysctl(key, "0")
        host.run(loader)
        assert [host.sysctl(key) for key in keys] == ["1", "1", "1"], loader
    assert [host.read(path) for path in THEIRS] == list(THEIRS.values())

    # What only procps reads, and last, is told.
    host.run("rm -f /etc/sysctl.d/99-sysctl.conf")
    host.write("/etc/sysctl.conf", f"{KNOB} = 0\n")
    assert any("/etc/sysctl.conf" in warning for warning in run(host)["warnings"])
    assert run(host, state="absent")["changed"]
    assert "dockernet" not in host.run("ls /etc/sysctl.d").out


def test_of_two_runs_at_once_one_does_it(fresh_host: Host) -> None:
    fresh_host.break_("forwarding-not-persistent")

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda dummy: run(fresh_host), range(2)))

    assert sorted(result["changed"] for result in done) == [False, True], done
    assert not any(result["failed"] for result in done)


def test_absent_takes_back_the_file_and_leaves_the_running_value(fresh_host: Host) -> None:
    fresh_host.break_("forwarding-not-persistent")
    run(fresh_host)
    assert fresh_host.exists(OWN_FILE)

    assert run(fresh_host, state="absent")["changed"]

    assert not fresh_host.exists(OWN_FILE)
    assert fresh_host.sysctl(KNOB) == "1"
    assert run(fresh_host, state="absent")["actions"] == []


@pytest.mark.long
def test_a_bridge_that_was_closed_by_itself_is_opened(fresh_host: Host) -> None:
    fresh_host.deploy(Scenario(containers=[Workload("web")]))
    run(fresh_host)
    fresh_host.set_sysctl("net.ipv4.conf.docker0.forwarding", "0")
    assert fresh_host.container("web").tcp("203.0.113.9", 80, PATIENCE) != "answered"

    done = run(fresh_host)

    assert done["actions"] == ["set net.ipv4.conf.docker0.forwarding from 0 to 1"]
    assert fresh_host.container("web").tcp("203.0.113.9", 80) == "answered"


def test_the_warning_about_forward_is_what_happens_at_the_next_boot(fresh_host: Host) -> None:
    """Without our file dockerd turns forwarding on and closes FORWARD; with it, it finds it on and leaves it open.

    With nftables it never closes FORWARD, and does not start where nobody turned forwarding on.
    """
    host = fresh_host
    host.break_("forwarding-not-persistent")
    done = run(host, forward_policy="keep")
    warned = [warning for warning in done.get("warnings", []) if "policy of the FORWARD chain to DROP" in warning]

    assert _policy_after_start(host, forwarding="1") == "ACCEPT"
    if uses_nftables(host):
        assert not warned
        assert any("filters with nftables, drops nothing" in warning for warning in done["warnings"]), done
        assert any("does not start" in warning for warning in run(host, state="absent")["warnings"])
        with pytest.raises(CommandError, match="IPv4 forwarding is disabled"):
            _policy_after_start(host, forwarding="0")
    else:
        assert warned, done
        assert _policy_after_start(host, forwarding="0") == "DROP"


def _policy_after_start(host: Host, forwarding: str) -> str:
    host.run(["systemctl", "stop", "docker.socket", "docker.service"])
    host.run("iptables -P FORWARD ACCEPT")
    host.set_sysctl(KNOB, forwarding)
    host.restart_docker()
    return host.run("iptables -S FORWARD | head -n 1").out.split()[-1]


@pytest.fixture
def advertised_host(fresh_host: Host) -> Iterator[Host]:
    """A host that does not forward IPv6 and takes a default route from a router on its link ra0."""
    host = fresh_host
    host.set_sysctl("net.ipv6.conf.all.forwarding", "0")
    plug_router(host)
    try:
        wait_for_advertised_route(host)
        yield host
    finally:
        remove_router(host)


@pytest.mark.long
def test_a_route_from_router_advertisements_is_not_lost(advertised_host: Host) -> None:
    host = advertised_host
    before = host_state(host)

    refused = run(host, families=["ipv6"])

    assert refused["failed"]
    assert refused["refused"]
    assert "ra0" in refused["msg"]
    assert "accept_ra: allow" in refused["msg"]
    assert host_state(host) == before
    assert has_advertised_route(host)

    assert run(host, families=["ipv6"], accept_ra="allow")["changed"]
    assert host.sysctl("net.ipv6.conf.all.forwarding") == "1"
    assert host.sysctl("net.ipv6.conf.ra0.accept_ra") == "2"
    assert has_advertised_route(host)
    assert run(host, families=["ipv6"], accept_ra="allow")["actions"] == []


def test_without_consent_the_kernel_would_have_dropped_that_route(advertised_host: Host) -> None:
    """The reason for refusing, shown on the kernel itself."""
    advertised_host.set_sysctl("net.ipv6.conf.all.forwarding", "1")
    assert not has_advertised_route(advertised_host)
