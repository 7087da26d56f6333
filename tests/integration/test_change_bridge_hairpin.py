"""bridge_hairpin on real engines: a container that live-restore kept reaches its own published port again."""

from __future__ import annotations

from typing import Any

from tests.integration.host_state import host_state
from tests.lab.ansible_runs import ansible_module
from tests.lab.host import Host
from tests.lab.scenario import NetworkSpec, Scenario, Workload
from tests.lab.vantage import PATIENCE

MODULE = "dockernet.baseline.bridge_hairpin"
PORT = 8080
SHOP = Scenario(
    networks=[NetworkSpec("shop"), NetworkSpec("office")],
    containers=[
        Workload("web", ["shop"], publish=[f"{PORT}:80"]),
        Workload("printer", ["office"]),
    ],
)


def run(host: Host, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
    return ansible_module(host, MODULE, arguments, check=check, diff=True)


def test_proxy_switched_off_under_live_restore(fresh_host: Host) -> None:
    host = fresh_host
    host.deploy(SHOP)
    web = host.container("web")
    started = web.started_at
    host.break_("proxy-off-under-live-restore")
    assert web.tcp(host.address, PORT, PATIENCE) == "timed out"
    before = host_state(host)

    predicted = run(host, check=True)
    assert host_state(host) == before

    done = run(host)
    assert done["changed"]
    assert (done["actions"], done["diff"]) == (predicted["actions"], predicted["diff"])
    assert any("container web" in action for action in done["actions"])
    assert web.tcp(host.address, PORT) == "answered"
    assert web.started_at == started

    after = host_state(host)
    assert run(host)["actions"] == []
    assert host_state(host) == after


def test_only_the_named_networks_are_touched(fresh_host: Host) -> None:
    fresh_host.deploy(SHOP)

    done = run(fresh_host, state="enabled", networks=["office"])

    assert len(done["actions"]) == 1
    assert "container printer" in done["actions"][0]
    assert fresh_host.run("bridge -d link show").out.count("hairpin on") == 1
    # With docker-proxy on, auto takes it back.
    assert len(run(fresh_host)["actions"]) == 1
    assert "hairpin on" not in fresh_host.run("bridge -d link show").out


def test_an_unknown_network_is_named(fresh_host: Host) -> None:
    done = run(fresh_host, networks=["nowhere"])

    assert done["failed"]
    assert "nowhere" in done["msg"]
    assert "bridge" in done["msg"]
