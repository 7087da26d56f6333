# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the readers say of a host is what the host's own tools say of it."""

from __future__ import annotations

import json
import re
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import docker
import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.daemon_process import named_dockerd
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read_whole import read_whole
from ansible_collections.dockernet.baseline.plugins.module_utils._host.sysctls import read_boot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import parse
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import (
    proxy_configured,
    proxy_in_force,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sysctls import boot_value
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import attachments
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.mode import modes, sharers
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.read import read_rulebook

from tests.integration.catalogue.scenario import uses_nftables
from tests.integration.snapshots import install_readers, read_host
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.proc import wait_for
from tests.lab.scenario import NetworkSpec, Scenario, Workload
from tests.lab.workload import IMAGE

BUSY = Scenario(
    networks=[
        NetworkSpec("front", "10.88.1.0/24"),
        NetworkSpec("back", "10.88.2.0/24", options={"com.docker.network.bridge.name": "back0"}),
        NetworkSpec("vault", "10.88.3.0/24", internal=True),
        NetworkSpec("six", "10.88.4.0/24", ipv6_subnet="2001:db8:88::/64"),
    ],
    containers=[
        Workload("web", ("front",), publish=("8080:80", "127.0.0.1:8443:443"), labels={"mirror": "https://u:p@x"}),
        Workload("both", ("front", "back"), restart="always"),
        Workload("db", ("back",), publish=("5353:53/udp",), options=("--cap-add", "NET_ADMIN")),
        Workload("hosted", network_mode="host", serve=(8000,)),
        Workload("lonely", network_mode="none"),
        Workload("sidecar", network_mode="container:web", serve=(81,)),
        Workload("old", publish=("9000:9000",)),
        Workload("secret", ("vault",), rm=True),
        Workload("sixth", ("six",), publish=("8086:80",)),
    ],
)
MODES = {
    "web": "bridge",
    "both": "bridge",
    "db": "bridge",
    "hosted": "host",
    "lonely": "none",
    "sidecar": "container:web",
    "old": "bridge",
    "secret": "bridge",
    "sixth": "bridge",
}


@pytest.mark.engines
@pytest.mark.smoke
def test_a_busy_host_is_read_as_its_own_tools_show_it(fresh_host: Host) -> None:
    host = fresh_host
    host.deploy(BUSY)
    host.docker("create", "--name", "idle", "--publish", "7000:80", IMAGE)
    install_readers(host)
    before = state(host)
    snapshot = read_host(host)
    assert state(host) == before
    assert {name: source.reason for name, source in snapshot.sources.items() if not source.read} == {}
    check_links(host, snapshot)
    check_containers(host, snapshot)
    check_ports(host, snapshot)
    check_modes(snapshot)
    check_processes(host, snapshot)
    check_networks(host, snapshot)
    check_answers_of_the_engine(host, snapshot)
    check_kernel(host, snapshot)
    check_rules(host, snapshot)
    check_listeners(host, snapshot)
    check_insides(host, snapshot)


def state(host: Host) -> tuple[str, ...]:
    """What an audit must leave as it was."""
    rules = host.run("iptables-save; ip6tables-save; nft list ruleset").out
    tables = "cat /proc/net/ip_tables_names /proc/net/ip6_tables_names; nft list tables"
    return (
        re.sub(r"^#.*|\[\d+:\d+\]|packets \d+ bytes \d+", "", rules, flags=re.MULTILINE),
        host.run(tables, check=False).out,
        host.run("find /etc /run/systemd /var/lib/docker/network -newermt @0 -printf '%p %T@\\n' | sort").out,
        host.run("sysctl --all --ignore 2>/dev/null | grep -E '^net[.](ipv[46][.](conf|ip_forward)|bridge)'").out,
        host.docker("ps", "--all", "--quiet", "--no-trunc").out,
        host.run(["systemctl", "show", "docker.service", "--property=MainPID,ActiveState"]).out,
        host.run("lsmod | cut -d' ' -f1 | sort").out,
    )


def check_links(host: Host, snapshot: HostSnapshot) -> None:
    shown = {link["ifindex"]: link for link in json.loads(host.run("ip -j -d address show").out)}
    indexes = {link["ifname"]: index for index, link in shown.items()}
    assert {link.index for link in snapshot.links} == set(shown)
    for link in snapshot.links:
        wanted = shown[link.index]
        info = wanted.get("linkinfo", {})
        port = info.get("info_slave_data", {}) if info.get("info_slave_kind") == "bridge" else {}
        assert (
            link.name,
            link.kind,
            link.up,
            link.operstate,
            link.mtu,
            link.mac,
            link.master,
            link.peer_nsid,
            link.hairpin,
        ) == (
            wanted["ifname"],
            info.get("info_kind", ""),
            "UP" in wanted["flags"],
            wanted["operstate"],
            wanted["mtu"],
            wanted["address"],
            indexes.get(wanted.get("master")),
            wanted.get("link_netnsid"),
            port.get("hairpin"),
        )
        addresses = {f"{item['local']}/{item['prefixlen']}" for item in wanted["addr_info"]}
        assert set(link.addresses) == addresses


def check_containers(host: Host, snapshot: HostSnapshot) -> None:
    names = host.docker("ps", "--all", "--format", "{{.Names}}").out.split()
    assert {container.name for container in snapshot.containers} == set(names)
    for container in snapshot.containers:
        told = host.inspect(container.name)
        assert container.id == told["Id"]
        assert container.pid == (told["State"]["Pid"] or None)
        assert container.started_at == told["State"]["StartedAt"]
        assert container.restart_policy == (told["HostConfig"]["RestartPolicy"]["Name"] or "no")
        addresses = {name: item["IPAddress"] for name, item in told["NetworkSettings"]["Networks"].items()}
        assert {item.network: item.address or "" for item in container.endpoints} == addresses
        published = {
            f"{item['HostIp']} {item['HostPort']} {port}"
            for port, bindings in (told["NetworkSettings"]["Ports"] or {}).items()
            for item in bindings or []
        }
        assert published == {
            f"{port.host_ip} {port.host_port} {port.container_port}/{port.protocol}" for port in container.published
        }
        if container.running:
            inode = host.run(["stat", "-L", "-c", "%i", f"/proc/{container.pid}/ns/net"]).out
            assert container.netns == int(inode)
    by_name = {container.name: container for container in snapshot.containers}
    assert by_name["secret"].auto_remove
    assert by_name["db"].cap_add == ["NET_ADMIN"] or by_name["db"].cap_add == ["CAP_NET_ADMIN"]
    assert by_name["web"].labels["mirror"] == "https://********@x"
    assert by_name["hosted"].nsid is None


def check_ports(host: Host, snapshot: HostSnapshot) -> None:
    """A look into each container names the other end of each of its interfaces: that must be the port we found."""
    found: dict[str, set[int | None]] = {}
    for item in attachments(snapshot):
        found.setdefault(item.container.name, set()).add(item.port.index if item.port else None)
        assert item.port is not None
        assert item.bridge == next(link.name for link in snapshot.links if link.index == item.port.master)
    for name, ports in found.items():
        inside = json.loads(host.container(name).net(["ip", "-j", "link", "show", "type", "veth"]).out)
        assert ports == {link["link_index"] for link in inside}
    assert set(found) == {"web", "both", "db", "old", "secret", "sixth"}
    assert len(found["both"]) == 2


def check_modes(snapshot: HostSnapshot) -> None:
    for container in snapshot.containers:
        if container.running:
            mode = modes(snapshot)[container.id]
            assert (container.name, mode.declared, mode.proved) == (container.name, *[MODES[container.name]] * 2)
    assert [{container.name for container in group} for group in sharers(snapshot)] == [{"web", "sidecar"}]


def check_processes(host: Host, snapshot: HostSnapshot) -> None:
    assert snapshot.daemon is not None
    assert snapshot.service is not None
    main, fragment = host.run(
        ["systemctl", "show", "docker.service", "--property=MainPID", "--property=FragmentPath", "--value"]
    ).out.split()
    assert (snapshot.daemon.pid, snapshot.service.fragment) == (int(main), fragment)
    assert snapshot.service.argv == snapshot.daemon.argv
    assert snapshot.service.active == "active"
    age = int(host.run(["ps", "-o", "etimes=", "-p", main]).out)
    assert abs(time.time() - age - snapshot.daemon.started_at) < 10
    shown = host.run("ps -C docker-proxy -o pid=,ppid=,args=").out.splitlines()
    assert [str(proxy.pid) for proxy in snapshot.proxies] == [line.split()[0] for line in shown]
    for proxy, line in zip(snapshot.proxies, shown, strict=True):
        words = (
            f"-proto {proxy.protocol} -host-ip {proxy.host_ip} -host-port {proxy.host_port} "
            f"-container-ip {proxy.container_ip} -container-port {proxy.container_port}"
        )
        assert words in line
        assert proxy.ppid == snapshot.daemon.pid
        assert 0 < (proxy.pss or 0) <= (proxy.rss or 0)
    bound = {(proxy.protocol, proxy.host_port) for proxy in snapshot.proxies}
    assert bound == {("tcp", 8080), ("tcp", 8443), ("udp", 5353), ("tcp", 9000), ("tcp", 8086)}
    state = proxy_in_force(snapshot)
    assert state.value is True
    assert proxy_configured(snapshot) is True


def check_networks(host: Host, snapshot: HostSnapshot) -> None:
    told = json.loads(host.run("docker network inspect $(docker network ls --quiet)").out)
    assert {(item.id, item.name, item.driver, item.internal) for item in snapshot.networks} == {
        (item["Id"], item["Name"], item["Driver"], item["Internal"]) for item in told
    }
    by_name = {network.name: network for network in snapshot.networks}
    assert by_name["six"].ipv6
    assert [subnet.subnet for subnet in by_name["six"].subnets] == ["10.88.4.0/24", "2001:db8:88::/64"]
    assert by_name["bridge"].is_default_bridge
    assert by_name["back"].bridge == "back0"
    assert snapshot.engine is not None
    assert snapshot.engine.version.split("+")[0] == host.release


def check_answers_of_the_engine(host: Host, snapshot: HostSnapshot) -> None:
    """Docker's own SDK speaks HTTP by other code, and judges nothing."""
    client = docker.DockerClient(base_url=f"unix:///proc/{host.pid}/root/run/docker.sock")
    with closing(client):
        networks = {told["Id"]: told for told in client.api.networks()}
        containers = {item.attrs["Id"]: item.attrs for item in client.containers.list(all=True)}
        version = client.version()["Version"]
    assert snapshot.engine is not None
    assert snapshot.engine.version == version
    assert {
        item.id: (item.name, item.driver, item.scope, item.internal, item.ipv6, item.options, item.labels)
        for item in snapshot.networks
    } == {
        name: tuple(told[key] for key in ("Name", "Driver", "Scope", "Internal", "EnableIPv6", "Options", "Labels"))
        for name, told in networks.items()
    }
    assert {item.id: (item.name, item.status, item.pid or 0, item.network_mode) for item in snapshot.containers} == {
        name: (
            told["Name"].lstrip("/"),
            told["State"]["Status"],
            told["State"]["Pid"],
            told["HostConfig"]["NetworkMode"],
        )
        for name, told in containers.items()
    }


def check_kernel(host: Host, snapshot: HostSnapshot) -> None:
    told = dict(line.partition(" = ")[::2] for line in host.run(["sysctl", "--all"]).out.splitlines())
    assert {key: told.get(key) for key in snapshot.sysctls} == snapshot.sysctls
    assert "net.ipv4.conf.back0.route_localnet" in snapshot.sysctls
    assert snapshot.ruleset is not None
    assert _rules(snapshot.ruleset.save["iptables-nft-save"]) == _rules(host.run(["iptables-save"]).out)
    assert json.loads(snapshot.ruleset.nft_json or "")["nftables"]
    if uses_nftables(host):
        assert "ip docker-bridges" in (snapshot.ruleset.nft_tables or [])
    else:
        assert "-j DOCKER" in snapshot.ruleset.save["iptables-nft-save"]
    assert snapshot.ruleset.nft_tables == [line[6:] for line in host.run(["nft", "list", "tables"]).out.splitlines()]
    assert snapshot.ruleset.unread == []
    # Docker Engine 28.0.0 has rules that name sets.
    assert (snapshot.ruleset.ipsets is not None) == ("--match-set" in snapshot.ruleset.save["iptables-nft-save"])
    assert (snapshot.ruleset.generation or 0) > 0
    rules = [item for family in "46" for item in json.loads(host.run(["ip", f"-{family}", "-j", "rule"]).out)]
    assert [(item.priority, item.table) for item in snapshot.policy_rules] == [
        (item["priority"], {"local": 255, "main": 254, "default": 253}[item["table"]]) for item in rules
    ]
    assert snapshot.boot is not None
    assert snapshot.boot.loader == "systemd-sysctl"


def check_rules(host: Host, snapshot: HostSnapshot) -> None:
    """All that the engine and the system made is understood, each rule in the words of iptables-save or of nft."""
    assert snapshot.ruleset is not None
    book = read_rulebook(snapshot.ruleset)
    assert book.problems == ()
    rules = [rule for chain in book.chains.values() for rule in chain.rules]
    assert [rule.text for rule in rules if "Undecidable" in repr(rule) or "Unpredictable" in repr(rule)] == []
    texts = [rule.text for rule in rules]
    saved = [line for text in snapshot.ruleset.save.values() for line in _rules(text) if line.startswith("-A")]
    assert sorted(text for text in texts if text.startswith("-A")) == sorted(saved)
    # Which names nft puts in quotes depends on where they stand.
    listed = host.run("nft --stateless list ruleset").out.replace('"', "")
    shown = {line.strip() for line in listed.splitlines()}
    assert [text for text in texts if not text.startswith("-A") and text.replace('"', "") not in shown] == []


def check_listeners(host: Host, snapshot: HostSnapshot) -> None:
    """As ss(8) shows them: ``*`` for an IPv6 socket that takes IPv4 as well, and who holds it with -p."""
    wanted = set()
    for line in host.run(["ss", "-H", "-l", "-n", "-t", "-u", "-p"]).out.splitlines():
        protocol, dummy, dummy2, dummy3, local, dummy4, *users = line.split()
        pids = {int(pid) for pid in re.findall(r"pid=(\d+)", " ".join(users))}
        wanted |= {(protocol, local.replace("[", "").replace("]", ""), pid) for pid in pids}
    found = set()
    for item in snapshot.listeners:
        shown = "*" if item.address == "::" and not item.only_ipv6 else item.address
        found.add((item.protocol, f"{shown}:{item.port}", item.pid))
    assert found <= wanted
    assert {item[:2] for item in found} == {item[:2] for item in wanted}
    owners = {(item.protocol, item.port): item.owner for item in snapshot.listeners}
    assert (owners["tcp", 8080], owners["udp", 5353], owners["tcp", 22]) == ("docker-proxy", "docker-proxy", "sshd")
    assert {item.pid for item in snapshot.listeners if item.owner == "docker-proxy"} == {
        proxy.pid for proxy in snapshot.proxies
    }


def check_insides(host: Host, snapshot: HostSnapshot) -> None:
    inside = {item.inode: item for item in snapshot.container_namespaces}
    assert set(inside) == {item.netns for item in snapshot.containers if item.running and item.name != "hosted"}
    for container in snapshot.containers:
        found = inside.get(container.netns or 0)
        if found is None:
            continue
        space = host.container(container.name)
        shown = json.loads(space.net(["ip", "-j", "address"]).out)
        assert {link.name: set(link.addresses) for link in found.links} == {
            link["ifname"]: {f"{item['local']}/{item['prefixlen']}" for item in link["addr_info"]} for link in shown
        }
        routes = json.loads(space.net(["ip", "-j", "route", "show", "table", "main"]).out)
        assert [route.destination for route in found.routes if route.table == 254 and "." in route.destination] == [
            item["dst"].replace("default", "0.0.0.0/0") for item in routes
        ]
        serving = {item.port for item in found.listeners if item.protocol == "tcp" and item.address == "::"}
        assert serving == ({80, 81} if container.name in ("web", "sidecar") else {80})
        # The engine's name server listens, and translates to its ports, where a network is not the default one.
        served = any(item.address == "127.0.0.11" for item in found.listeners)
        assert served == (container.name not in ("old", "lonely")) == bool(found.tables)
        assert found.rules == []


def _rules(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(("*", "-A"))]


def test_reading_does_not_start_a_daemon_whose_socket_systemd_holds(fresh_host: Host) -> None:
    host = fresh_host
    install_readers(host)
    host.run(["systemctl", "stop", "docker.service"])
    assert host.run(["systemctl", "is-active", "docker.socket"]).out.strip() == "active"
    snapshot = read_host(host)
    assert snapshot.sources["engine"].kind == "stopped"
    assert "docker.service is inactive" in snapshot.sources["engine"].reason
    assert snapshot.sources["namespaces"].kind == "stopped"
    assert snapshot.was_read("links")
    assert proxy_in_force(snapshot).value is None
    states = host.run(["systemctl", "is-active", "docker.service", "docker.socket"], check=False).out.split()
    assert states == ["inactive", "active"]


def test_no_library_is_needed(fresh_host: Host) -> None:
    install_readers(fresh_host)
    fresh_host.break_("no-docker-sdk")
    fresh_host.break_("no-pyroute2")
    snapshot = read_host(fresh_host)
    assert [name for name, item in snapshot.sources.items() if not item.read] == []


def test_without_privilege_what_is_forbidden_is_said_and_the_rest_is_read(fresh_host: Host) -> None:
    host = fresh_host
    install_readers(host)
    host.deploy(Scenario(containers=[Workload("web", publish=("8080:80",))]))
    snapshot = read_host(host, prefix=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"])
    denied = {name for name, source in snapshot.sources.items() if source.kind == "denied"}
    # That no program sits at a link is known to who may use bpf(2) only.
    assert denied == {
        "engine",
        "namespaces",
        "container_namespaces",
        "ruleset",
        "conntrack",
        "traffic_control",
        "ipsec",
    }
    assert all("become" in snapshot.sources[name].reason for name in denied)
    assert {name for name, source in snapshot.sources.items() if not source.read} == denied
    # In the group of the socket the engine answers; the namespaces of others stay closed.
    group = host.run(["stat", "-c", "%g", "/run/docker.sock"]).out.strip()
    prefix = ["setpriv", "--reuid=65534", f"--regid={group}", "--clear-groups", "--"]
    snapshot = read_host(host, prefix=prefix)
    unread = {name for name, source in snapshot.sources.items() if not source.read}
    assert unread == {"namespaces", "container_namespaces", "ruleset", "conntrack", "traffic_control", "ipsec"}
    assert [container.netns for container in snapshot.containers] == [None]
    assert [proxy.pss for proxy in snapshot.proxies] == [None] * len(snapshot.proxies)


def test_a_daemon_that_hangs_does_not_hang_the_audit(fresh_host: Host) -> None:
    host = fresh_host
    install_readers(host)
    host.run(["systemctl", "kill", "--kill-who=main", "--signal=STOP", "docker.service"])
    try:
        snapshot = read_host(host, limit=1)
    finally:
        host.run(["systemctl", "kill", "--kill-who=main", "--signal=CONT", "docker.service"])
    assert snapshot.sources["engine"].kind == "error"
    assert "did not answer" in snapshot.sources["engine"].reason
    assert snapshot.daemon is not None


def test_the_engines_of_nested_hosts_are_not_taken_for_this_one(lab: Lab) -> None:
    """Every lab host runs a dockerd with the default socket, and from here all of their processes can be seen."""

    def of_all_hosts() -> list[procfs.Process]:
        """What is named dockerd here, once no host is restarting its own for another test."""
        processes = procfs.processes()
        visible = [process for process in processes if process.name == "dockerd"]
        found = named_dockerd(processes)
        return found if found and len(visible) >= len(found) + len(lab.hosts) else []

    daemons = wait_for(of_all_hosts, 120.0, "a dockerd on each host of the lab")
    assert not any(procfs.is_nested(process.pid) for process in daemons)
    snapshot = read_whole(docker_host="unix:///run/nobody/docker.sock")
    assert (snapshot.daemon, snapshot.proxies) == (None, [])


def test_proxy_switched_off_and_what_only_the_file_says(fresh_host: Host) -> None:
    host = fresh_host
    install_readers(host)
    host.deploy(Scenario(containers=[Workload("web", publish=("8080:80",))]))
    host.break_("proxy-off-under-live-restore")
    snapshot = read_host(host)
    assert proxy_in_force(snapshot).value is False
    assert proxy_configured(snapshot) is False
    assert [item.port.hairpin for item in attachments(snapshot) if item.port] == [False]
    assert snapshot.engine is not None
    assert snapshot.engine.live_restore
    assert snapshot.daemon_config is not None
    assert (snapshot.daemon_config.mode, snapshot.daemon_config.uid) == (0o644, 0)
    host.write("/etc/docker/daemon.json", '{"live-restore": true}\n')
    snapshot = read_host(host)
    assert (proxy_in_force(snapshot).value, proxy_configured(snapshot)) == (False, True)


def test_flags_of_the_unit(fresh_host: Host) -> None:
    host = fresh_host
    install_readers(host)
    host.write("/etc/default/docker", 'DOCKER_OPTS="--userland-proxy=false --config-file=/etc/docker/other.json"\n')
    host.write("/etc/docker/other.json", "{}\n")
    start = "EnvironmentFile=-/etc/default/docker\nExecStart=\nExecStart=/usr/sbin/dockerd -H fd:// $DOCKER_OPTS"
    host.write("/etc/systemd/system/docker.service.d/options.conf", f"[Service]\n{start}\n")
    host.run(["systemctl", "daemon-reload"])
    snapshot = read_host(host)
    assert snapshot.service is not None
    assert snapshot.service.drop_ins == ["/etc/systemd/system/docker.service.d/options.conf"]
    assert snapshot.service.argv[-2:] == ["--userland-proxy=false", "--config-file=/etc/docker/other.json"]
    assert (proxy_in_force(snapshot).value, proxy_configured(snapshot)) == (True, False)
    # The running dockerd still has the default path.
    assert snapshot.daemon_config is not None
    assert snapshot.daemon_config.path == "/etc/docker/other.json"
    host.restart_docker()
    snapshot = read_host(host)
    assert proxy_in_force(snapshot).value is False
    assert "--userland-proxy=false" in proxy_in_force(snapshot).evidence


CONFIGS = [
    b"{}",
    b"null",
    b'{"x": {"icc": true}}',
    b'{"labels": ["a=\\ud800"]}',
    b"",
    b" \n",
    b"\xef\xbb\xbf{}",
    "{}".encode("utf-16"),
    b'{"mtu": 1400,}',
    b"[]",
    b'{"mtu": 1e999}',
    b'{"mtu": 1400',
    b"// x\n{}",
    b"{'mtu': 1400}",
]


@pytest.mark.engines
def test_a_text_is_sound_exactly_if_dockerd_takes_it(engine_host: Host) -> None:
    release = int(engine_host.release.split(".")[0])
    for text in CONFIGS:
        problems = parse(text, "/run/try.json").problems
        ours = all(problem.accepted_from is not None and problem.accepted_from <= release for problem in problems)
        assert (text, ours) == (text, dockerd_takes(engine_host, text))


def dockerd_takes(host: Host, text: bytes) -> bool:
    """Whether dockerd comes past its configuration file, to a flag that stops it."""
    host.write("/run/try.json", text)
    flags = [
        "--config-file=/run/try.json",
        "--log-level=bogus",
        "--pidfile=/run/try.pid",
        "--host=unix:///run/try.sock",
    ]
    done = host.run(["timeout", "10", "dockerd", *flags], check=False)
    assert done.rc == 1
    return "logging level" in done.err


BOOTS: list[dict[str, str]] = [
    {"10-a.conf": "net.ipv4.ip_forward=1\n", "20-b.conf": "net.ipv4.conf.all.forwarding=0\n"},
    {"10-a.conf": "net.ipv4.conf.all.forwarding=0\nnet.ipv4.ip_forward=1\n"},
    {"10-a.conf": "net.ipv4.ip_forward=1\nnet.ipv4.conf.all.forwarding=0\nnet.ipv4.ip_forward=1\n"},
    {"10-a.conf": "net.ipv4.ip_forward=0\nnet.ipv4.conf.all.forwarding=0\nnet.ipv4.ip_forward=1\n"},
    {"10-a.conf": "net.ipv4.conf.*.forwarding=1\nnet.ipv4.conf.all.forwarding=0\n-net.ipv4.conf.all.forwarding\n"},
    {"10-a.conf": "net.ipv4.ip_forward = 1 # on\n"},
    {"10-a.conf": "net/ipv4/ip_forward = 1\n", "9-a.conf": "net.ipv4.ip_forward=0\n"},
    {"10-a.conf": "net.ipv4.ip_forward=1\nnet.ipv4.conf.*.forwarding=0\n"},
    {"10-a.conf": "net.ipv4.conf.*.forwarding=1\n-net.ipv4.conf.all.forwarding\n"},
    {"10-a.conf": "net.ipv4.conf.a*.forwarding=1\n"},
    {"10-a.conf": "-net.ipv4.ip_forward=1\n# net.ipv4.ip_forward=0\n; net.ipv4.ip_forward=0\n"},
    {"10-a.conf": "net.ipv4.ip_forward = 0x1\nnet.ipv4.conf.all.forwarding = on\n"},
    {"10-a.txt": "net.ipv4.ip_forward=1\n"},
    {"99-sysctl.conf": "net.ipv4.ip_forward=1\n"},
]


def test_boot_values_are_those_that_the_loader_sets(fresh_host: Host) -> None:
    host = fresh_host
    told, ours = [], []
    for files in BOOTS:
        host.run("rm -f /etc/sysctl.d/*")
        for name, text in files.items():
            host.write(f"/etc/sysctl.d/{name}", text)
        host.run(["ln", "-s", "/dev/null", "/etc/sysctl.d/50-masked.conf"])
        host.write("/usr/local/lib/sysctl.d/50-masked.conf", "net.ipv4.ip_forward=1\n")
        boot = read_boot(Path(f"/proc/{host.pid}/root"))
        ours.append((files, boot_value(boot, "net.ipv4.ip_forward").value))
        told.append((files, loaded(host)))
    assert ours == told


def loaded(host: Host) -> str | None:
    """What systemd-sysctl itself makes of net.ipv4.ip_forward, None when it leaves it alone."""
    program = host.run("ls /usr/lib/systemd/systemd-sysctl /lib/systemd/systemd-sysctl 2>/dev/null", check=False).out
    left: list[Any] = []
    for start in ("0", "1"):
        host.set_sysctl("net.ipv4.ip_forward", start)
        host.run(program.split()[:1], check=False)
        left.append(host.sysctl("net.ipv4.ip_forward"))
    return None if left == ["0", "1"] else left[0]
