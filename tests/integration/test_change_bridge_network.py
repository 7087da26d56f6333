"""bridge_network on real hosts: what it made is read back by the host's own programs, not by the collection."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.catalogue.scenario import uses_nftables
from tests.integration.host_state import host_state
from tests.lab.ansible_runs import ansible_module
from tests.lab.host import Host
from tests.lab.scenario import NetworkSpec, Scenario, Workload
from tests.lab.workload import IMAGE

MODULE = "dockernet.baseline.bridge_network"
OPTION = "com.docker.network."
INTERNET = "203.0.113.9"
MODES = ((28, 0), "nat-unprotected", "isolated")
TRUST = (28, 2)
"""trusted_host_interfaces came with this engine."""


def run(host: Host, networks: list[dict[str, Any]], *, check: bool = False, **arguments: Any) -> dict[str, Any]:
    return ansible_module(host, MODULE, {"networks": networks, **arguments}, check=check, diff=True)


def outcomes(result: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item["outcome"] for item in result["networks"]}


def subnet(cidr: str, **more: str) -> dict[str, str]:
    return {"subnet": cidr, **more}


def inspect(host: Host, name: str) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(host.docker("network", "inspect", name).out)[0]
    return entry


def names(host: Host) -> set[str]:
    return set(host.docker("network", "ls", "--format", "{{.Name}}").out.split())


def release(host: Host) -> tuple[int, int]:
    major, minor = host.engine_version.split(".")[:2]
    return int(major), int(minor)


def masquerading(host: Host) -> list[str]:
    """The rules by which IPv4 packets leave with the host's own address."""
    table = ["nft", "--stateless", "list", "table", "ip", "docker-bridges"]
    text = host.run(table if uses_nftables(host) else ["iptables-save", "-t", "nat"]).out
    return [line.strip() for line in text.splitlines() if "masquerade" in line.lower()]


def divides(host: Host, bridge: str) -> bool:
    """Whether a rule keeps its containers from each other."""
    if uses_nftables(host):
        chain = ["ip", "docker-bridges", f"filter-forward-in__{bridge}"]
        return 'counter drop comment "ICC"' in host.run(["nft", "--stateless", "list", "chain", *chain]).out
    return f"-i {bridge} -o {bridge} -j DROP" in host.run(["iptables-save", "-t", "filter"]).out


def addresses(host: Host, link: str) -> set[str]:
    shown = json.loads(host.run(["ip", "-json", "address", "show", "dev", link]).out)[0]
    assert "UP" in shown["flags"]
    return {f"{item['local']}/{item['prefixlen']}" for item in shown["addr_info"]}


def wanted(host: Host) -> list[dict[str, Any]]:
    """Networks with every option that the host's engine knows."""
    networks: list[dict[str, Any]] = [
        {
            "name": "front",
            "subnets": [
                subnet("10.61.1.0/24", gateway="10.61.1.5", ip_range="10.61.1.128/25"),
                subnet("fd00:61:1::/64", gateway="fd00:61:1::5"),
            ],
            "ipv6": True,
            "bridge_name": "br.front",
            "mtu": 1400,
            "default_bind_address": "127.0.0.1",
            "labels": {"owner": "shop"},
            "options": {OPTION + "container_iface_prefix": "lan"},
        },
        {"name": "vault", "internal": True, "icc": False, "pools": [{"base": "10.62.0.0/16", "size": 24}]},
        {"name": "plain", "masquerade": False, "subnets": [subnet("10.63.0.0/24")]},
    ]
    if release(host) >= MODES[0]:
        networks += [
            {"name": "island", "internal": True, "gateway_mode_ipv4": "isolated", "subnets": [subnet("10.64.0.0/24")]},
            {
                "name": "routed",
                "ipv6": True,
                "gateway_mode_ipv4": "routed",
                "gateway_mode_ipv6": "nat-unprotected",
                **({"trusted_interfaces": ["eth0"]} if release(host) >= TRUST else {}),
                "subnets": [subnet("10.65.0.0/24")],
            },
        ]
    return networks


@pytest.mark.engines
def test_networks_with_every_option(fresh_host: Host) -> None:
    """As foretold, as asked for, twice unchanged, and unchanged after dockerd has read its own records again."""
    host, networks = fresh_host, wanted(fresh_host)
    before, there = host_state(host), names(host)

    predicted = run(host, networks, check=True)
    assert host_state(host) == before
    assert names(host) == there

    done = run(host, networks)
    assert not done["failed"], done
    assert {key: done[key] for key in ("changed", "actions", "diff", "networks")} == {
        key: predicted[key] for key in ("changed", "actions", "diff", "networks")
    }
    assert set(outcomes(done).values()) == {"created"}

    _assert_front(host)
    vault, plain = inspect(host, "vault"), inspect(host, "plain")
    assert vault["Internal"]
    assert vault["IPAM"]["Config"][0]["Subnet"] == "10.62.0.0/24"
    bridge = f"br-{vault['Id'][:12]}"
    assert divides(host, bridge)
    rules = masquerading(host)
    assert (
        'oifname != "br.front" ip saddr 10.61.1.0/24 counter masquerade comment "MASQUERADE"'
        if uses_nftables(host)
        else "-A POSTROUTING -s 10.61.1.0/24 ! -o br.front -j MASQUERADE"
    ) in rules
    assert not any("10.63.0.0/24" in rule for rule in rules)
    assert plain["Options"][OPTION + "bridge.enable_ip_masquerade"] == "false"
    if release(host) >= MODES[0]:
        _assert_modes(host)

    assert run(host, networks)["actions"] == []
    host.restart_docker()
    again = run(host, networks)
    assert not again["changed"], again
    assert set(outcomes(again).values()) == {"unchanged"}
    assert not again.get("warnings"), again


def _assert_front(host: Host) -> None:
    front = inspect(host, "front")
    assert front["EnableIPv6"]
    assert front["Labels"] == {"owner": "shop"}
    assert front["Options"] == {
        OPTION + "bridge.name": "br.front",
        OPTION + "driver.mtu": "1400",
        OPTION + "bridge.host_binding_ipv4": "127.0.0.1",
        OPTION + "container_iface_prefix": "lan",
    }
    assert {"10.61.1.5/24", "fd00:61:1::5/64"} <= addresses(host, "br.front")
    host.deploy(Scenario(containers=[Workload("web", ["front"], publish=["8080:80"])]))
    web = host.container("web")
    assert web.address("front") == "10.61.1.128"
    assert "mtu 1400" in web.net(["ip", "link", "show", "dev", "lan0"]).out
    assert web.tcp(INTERNET, 80) == "answered"
    assert host.tcp("127.0.0.1", 8080) == "answered"
    assert host.tcp(host.address, 8080) == "refused"
    host.docker("rm", "--force", "web")


def _assert_modes(host: Host) -> None:
    island, routed = inspect(host, "island"), inspect(host, "routed")
    assert not any(item.startswith("10.64.") for item in addresses(host, f"br-{island['Id'][:12]}"))
    assert routed["Options"][OPTION + "bridge.gateway_mode_ipv6"] == "nat-unprotected"
    assert not any("10.65.0.0/24" in rule for rule in masquerading(host))
    # The engine has chosen the IPv6 subnet itself.
    assert len(routed["IPAM"]["Config"]) == 2


def drifts(host: Host) -> dict[str, tuple[dict[str, Any], str]]:
    """By network: what is wanted of it, and how the message says that it is not so."""
    found: dict[str, tuple[dict[str, Any], str]] = {
        "internal": ({"internal": True}, "internal is false, wanted true"),
        "icc": ({"icc": False}, "icc is true, wanted false"),
        "masq": ({"masquerade": False}, "masquerade is true, wanted false"),
        "named": ({"bridge_name": "br-mine"}, "wanted br-mine"),
        "mtu": ({"mtu": 1400}, "mtu is 1500, wanted 1400"),
        "bind": ({"default_bind_address": "127.0.0.1"}, "default_bind_address is none, wanted 127.0.0.1"),
        "label": ({"labels": {"a": "2", "b": "x"}}, "labels.a is '1', wanted '2'; labels.b is none, wanted 'x'"),
        "option": (
            {"options": {OPTION + "container_iface_prefix": "lan"}},
            f"options.{OPTION}container_iface_prefix is eth, wanted lan",
        ),
        "subnet": ({"subnets": [subnet("10.72.0.0/24")]}, "IPv4 subnet is 10.71.8.0/24, wanted 10.72.0.0/24"),
        "gateway": (
            {"subnets": [subnet("10.71.9.0/24", gateway="10.71.9.9")]},
            "gateway of 10.71.9.0/24 is 10.71.9.1, wanted 10.71.9.9",
        ),
        "range": (
            {"subnets": [subnet("10.71.10.0/24", ip_range="10.71.10.0/25")]},
            "ip_range of 10.71.10.0/24 is none, wanted 10.71.10.0/25",
        ),
        "pools": ({"pools": [{"base": "10.73.0.0/16", "size": 24}]}, "wanted one of 10.73.0.0/16"),
        "six": ({"ipv6": True, "subnets": [subnet("fd00:71::/64")]}, "ipv6 is false, wanted true"),
    }
    if release(host) >= MODES[0]:
        found["mode"] = ({"gateway_mode_ipv4": "routed"}, "gateway_mode_ipv4 is nat, wanted routed")
    if release(host) >= TRUST:
        found["trusted"] = ({"trusted_interfaces": ["eth0"]}, "trusted_interfaces is none, wanted eth0")
    return found


# Of these the kernel shows another network afterwards.
MENDED = ("internal", "icc", "masq", "named", "gateway", "six", "mode")


def test_drift_of_each_option_is_told_and_mended_with_consent(fresh_host: Host) -> None:
    host, expected = fresh_host, drifts(fresh_host)
    for at, name in enumerate(expected):
        host.docker("network", "create", f"--subnet=10.71.{at}.0/24", "--label=a=1", "--label=keep=me", name)
    networks = [{"name": name, **change} for name, (change, dummy) in expected.items()]
    ids = {name: inspect(host, name)["Id"] for name in expected}

    refused = run(host, networks)

    assert refused["refused"]
    for name, (dummy, words) in expected.items():
        assert f"network {name}: " in refused["msg"]
        assert words in refused["msg"], (words, refused["msg"])
    assert "recreate: allow" in refused["msg"]
    assert {name: inspect(host, name)["Id"] for name in expected} == ids

    mended = [network for network in networks if network["name"] in MENDED]
    predicted = run(host, mended, check=True, recreate="allow")
    done = run(host, mended, recreate="allow")
    assert not done["failed"], done
    assert done["actions"] == predicted["actions"]
    assert done["diff"] == predicted["diff"]
    assert set(outcomes(done).values()) == {"recreated"}
    assert all(inspect(host, network["name"])["Labels"]["keep"] == "me" for network in mended)
    assert inspect(host, "icc")["IPAM"]["Config"][0]["Subnet"] == "10.71.1.0/24"
    assert addresses(host, "br-mine")
    assert run(host, mended)["actions"] == []


# The oldest and the newest pyroute2 of the lab: the engine has no part in it.
@pytest.mark.kinds("debian11", "debian13")
def test_a_subnet_that_the_host_uses_is_refused_and_a_free_one_found(fresh_host: Host) -> None:
    host = fresh_host
    router = host.run("ip route show default").out.split()[2]
    host.run(f"ip route add 10.20.0.0/16 via {router}")
    host.run("ip route add 10.21.0.0/16 dev eth0 table 77")
    host.deploy(Scenario([NetworkSpec("theirs", "10.22.0.0/17")]))
    for cidr, offender in {
        "10.20.3.0/24": f"the route 10.20.0.0/16 via {router} dev eth0 in table main",
        "10.21.3.0/24": "the route 10.21.0.0/16 dev eth0 in table 77",
        "10.22.3.0/24": "10.22.0.0/17 of the Docker network theirs",
    }.items():
        refused = run(host, [{"name": "fine"}, {"name": "ours", "subnets": [subnet(cidr)]}])
        assert refused["refused"]
        assert f"networks[1].subnets[0].subnet (ours): {cidr} overlaps with {offender}" in refused["msg"]
    assert not names(host) & {"fine", "ours"}

    pools = [{"base": "10.20.0.0/14", "size": 18}]
    networks = [{"name": "one", "pools": pools}, {"name": "two", "pools": pools}]
    predicted = run(host, networks, check=True, avoid=["10.23.64.0/24"])
    done = run(host, networks, avoid=["10.23.64.0/24"])
    assert done["networks"] == predicted["networks"]
    assert [item["subnets"] for item in done["networks"]] == [["10.22.128.0/18"], ["10.22.192.0/18"]]
    # With the first ones gone, a new choice would fall on others; those that are there stay.
    host.docker("network", "rm", "theirs")
    assert run(host, networks)["actions"] == []


def test_absent_and_a_failure_in_the_middle(fresh_host: Host) -> None:
    host = fresh_host
    host.deploy(
        Scenario([NetworkSpec("busy"), NetworkSpec("asleep"), NetworkSpec("free")], [Workload("web", ["busy"])])
    )
    host.docker("create", "--name", "made", "--network", "asleep", IMAGE)
    host.docker("run", "--name", "over", "--network", "asleep", IMAGE, "/bin/sh", "-c", "exit 0")

    for name, users in (("busy", "web"), ("asleep", "made, over")):
        refused = run(host, [{"name": "free", "state": "absent"}, {"name": name, "state": "absent"}])
        assert refused["refused"]
        assert f"network {name} has containers, running or stopped: {users}." in refused["msg"]
    assert "free" in names(host)

    # What an unclean end of dockerd leaves behind: the network would be masqueraded after all.
    stale = "-s 10.81.2.0/24 ! -o br-gone -j MASQUERADE"
    host.run(f"iptables -t nat -I POSTROUTING {stale}")
    failed = run(
        host,
        [
            {"name": "free", "state": "absent"},
            {"name": "first", "subnets": [subnet("10.81.1.0/24")]},
            {"name": "second", "subnets": [subnet("10.81.2.0/24")], "masquerade": False},
            {"name": "third"},
        ],
    )
    assert failed["failed"]
    assert not failed["refused"]
    assert "network second was created and removed again, because 10.81.2.0/24 is masqueraded" in failed["msg"]
    assert stale in failed["msg"]
    assert "Also: free was removed; first was created; third was created" in failed["msg"]
    assert failed["changed"]
    assert outcomes(failed) == {"free": "removed", "first": "created", "second": "undone", "third": "created"}
    assert names(host) & {"free", "first", "second", "third"} == {"first", "third"}
    events = [json.loads(line) for line in host.read("/var/lib/dockernet-baseline/journal.jsonl").splitlines()]
    assert [item["event"] for item in events[-4:]] == ["begin", "done", "begin", "done"]
    assert [item["name"] for item in events[-4]["networks"]] == ["free", "first", "second", "third"]
    assert events[-4]["networks"][0]["before"]["Name"] == "free"
    assert [item["name"] for item in events[-2]["networks"]] == ["second"]

    gone = run(host, [{"name": "first", "state": "absent"}, {"name": "never", "state": "absent"}])
    assert gone["actions"] == ["remove network first"]
    assert outcomes(gone) == {"first": "removed", "never": "absent"}

    # The engine refuses it, which nothing foresees.
    unfit = {"name": "unfit", "options": {OPTION + "bridge.inhibit_ipv4": "perhaps"}}
    failed = run(host, [{"name": "kept", "subnets": [subnet("10.81.3.0/24")]}, unfit, {"name": "never"}])
    assert failed["failed"]
    assert failed["changed"]
    assert outcomes(failed) == {"kept": "created", "unfit": "undone"}
    assert failed["msg"].endswith("Changed before that, and kept without tracing packets: kept was created")
    assert names(host) & {"kept", "unfit", "never"} == {"kept"}
    failed = run(host, [unfit])
    assert (failed["failed"], failed["changed"], outcomes(failed)) == (True, False, {"unfit": "undone"})
