"""The lab proves itself: its hosts are what their table says, its network reaches what it should and nothing else."""

from __future__ import annotations

import json

import pytest

from tests.lab.ansible_runs import ansible_module
from tests.lab.breaks import BREAKS
from tests.lab.host import Host
from tests.lab.kinds import KINDS
from tests.lab.lab import Lab
from tests.lab.proc import LabError, run
from tests.lab.scenario import NetworkSpec, Scenario, Workload

WEB = Workload("web", ["front"], publish=["8080:80"])
FRONT = Scenario([NetworkSpec("front")], [WEB])


# ---- what a host is --------------------------------------------------------------------------------------------------


@pytest.mark.engines
@pytest.mark.smoke
def test_systemd_is_up_and_no_unit_failed(fresh_host: Host) -> None:
    assert fresh_host.run(["ps", "-o", "comm=", "1"]).out.strip() == "systemd"
    assert fresh_host.run(["systemctl", "--failed", "--no-legend", "--plain"]).out == ""


@pytest.mark.engines
@pytest.mark.smoke
def test_versions_are_those_of_the_table(engine_host: Host) -> None:
    assert engine_host.engine_version == engine_host.release
    python = engine_host.run(["python3", "-c", "import sys, docker, pyroute2; print('%d.%d' % sys.version_info[:2])"])
    assert python.out.strip() == KINDS[engine_host.kind].python


@pytest.mark.engines
@pytest.mark.smoke
def test_a_fresh_host_forwards_and_drops_as_dockerd_sets_it(fresh_host: Host) -> None:
    assert fresh_host.sysctl("net.ipv4.ip_forward") == "1"
    assert "-P FORWARD DROP" in fresh_host.run(["iptables", "-S", "FORWARD"]).out
    assert fresh_host.docker("network", "ls", "--format", "{{.Name}}").out.split() == ["bridge", "host", "none"]


@pytest.mark.engines
@pytest.mark.smoke
def test_ansible_reaches_the_host(engine_host: Host) -> None:
    answer = ansible_module(engine_host, "ansible.builtin.command", {"argv": ["hostname"]})
    assert answer["stdout"] == engine_host.name
    assert answer["changed"] is True


def test_a_failing_module_is_told_as_failed(engine_host: Host) -> None:
    answer = ansible_module(engine_host, "ansible.builtin.fail", {"msg": "as asked"})
    assert answer["failed"] is True
    assert answer["msg"] == "as asked"


# ---- what reaches what -----------------------------------------------------------------------------------------------


@pytest.mark.engines
def test_outside_client_reaches_published_port(fresh_host: Host, lab: Lab) -> None:
    fresh_host.deploy(FRONT)
    assert lab.outside.http(fresh_host.address, 8080).body == "workload web port 80\n"
    assert lab.outside.tcp(fresh_host.address, 8081) == "refused"
    # 20.10.0 to 20.10.5 do not publish on IPv6 addresses (moby pull request 42205).
    over_ipv6 = "refused" if fresh_host.engine_version == "20.10.5" else "answered"
    assert lab.outside.tcp(fresh_host.address6, 8080) == over_ipv6
    assert fresh_host.tcp("127.0.0.1", 8080) == "answered"


def test_container_reaches_the_internet_masqueraded(fresh_host: Host, lab: Lab) -> None:
    fresh_host.deploy(FRONT)
    web = fresh_host.container("web")
    seen = web.http(lab.internet_address, 80)
    assert f"internet saw {fresh_host.address} " in seen.body
    assert f"at {lab.internet_address}" in seen.body
    assert web.udp("198.51.100.7", 53) == "answered"


def test_without_forwarding_the_container_reaches_nothing(fresh_host: Host, lab: Lab) -> None:
    fresh_host.deploy(FRONT)
    fresh_host.break_("forwarding-off")
    assert fresh_host.container("web").tcp(lab.internet_address, 80, seconds=1) == "timed out"


def test_ipv6_on_the_lan_and_to_the_internet(engine_host: Host, lab: Lab) -> None:
    assert "internet saw " + engine_host.address6 in engine_host.http(lab.internet_address6, 80).body
    assert "outside saw " + engine_host.address6 in engine_host.http(lab.outside.address6, 80).body
    assert "outside saw " + engine_host.address + " " in engine_host.http(lab.outside.address, 80).body


def test_a_container_of_every_mode_comes_up(fresh_host: Host, lab: Lab) -> None:
    fresh_host.deploy(
        Scenario(
            [NetworkSpec("front", subnet="172.30.1.0/24"), NetworkSpec("back", internal=True)],
            [
                Workload("web", ["front", "back"], publish=["127.0.0.1:8443:443"], serve=[80, 443], labels={"a": "b"}),
                Workload("side", network_mode="container:web", serve=[9000]),
                Workload("plain", network_mode="bridge"),
                Workload("hosted", network_mode="host", serve=[8088]),
                Workload("alone", network_mode="none", restart="unless-stopped"),
                Workload("brief", rm=True, serve=[]),
            ],
        )
    )
    assert fresh_host.tcp("127.0.0.1", 8443) == "answered"
    assert lab.outside.tcp(fresh_host.address, 8443) == "refused"
    assert fresh_host.container("side").tcp("127.0.0.1", 443) == "answered"
    assert lab.outside.http(fresh_host.address, 8088).body == f"workload {fresh_host.name} port 8088\n"
    assert fresh_host.container("plain").tcp("127.0.0.1", 80) == "answered"
    assert fresh_host.container("alone").tcp(lab.internet_address, 80) == "unreachable"
    assert fresh_host.container("web").address("front").startswith("172.30.1.")


# ---- nothing leaves --------------------------------------------------------------------------------------------------


def test_hosts_know_only_the_internet_machine_as_a_way_out(engine_host: Host, lab: Lab) -> None:
    for family, gateway in (("-4", lab.internet.address), ("-6", lab.internet.address6)):
        routes = json.loads(engine_host.net(["ip", family, "-json", "route", "show", "default"]).out)
        assert [route["gateway"] for route in routes] == [gateway]


def test_the_internet_machine_has_no_way_out(lab: Lab) -> None:
    for family in ("-4", "-6"):
        assert lab.internet.net(["ip", family, "route", "show", "default"]).out == ""
    links = json.loads(lab.internet.net(["ip", "-json", "link", "show", "up"]).out)
    assert sorted(link["ifname"] for link in links) == ["eth0", "lo"]
    assert lab.outside.tcp("8.8.8.8", 80) == "unreachable"


def test_the_controller_forwards_nothing_that_comes_from_the_lab(lab: Lab) -> None:
    """The kernel's own answer about such a packet; none is sent."""
    here = lab.subnet.leg
    for source, target in ((lab.outside.address, "192.88.99.1"), (lab.outside.address6, "2606:4700::1111")):
        asked = run(["ip", "route", "get", target, "from", source, "iif", here], check=False)
        assert asked.rc != 0, asked.out


# ---- breaking and mending --------------------------------------------------------------------------------------------


@pytest.mark.long
def test_reset_mends_all_breaks_at_once(fresh_host: Host, lab: Lab) -> None:
    before = outline(fresh_host)
    fresh_host.deploy(FRONT)
    # In the order of the table, the daemon stopped and its file broken at the end.
    for name in sorted(BREAKS, key=lambda name: name == "daemon-stopped"):
        fresh_host.break_(name)
    fresh_host.reset()
    assert outline(fresh_host) == before
    fresh_host.deploy(FRONT)
    assert lab.outside.tcp(fresh_host.address, 8080) == "answered"


@pytest.mark.long
def test_reset_mends_what_tests_do_by_hand(fresh_host: Host) -> None:
    before = outline(fresh_host)
    fresh_host.write("/etc/sysctl.d/99-dockernet.conf", "net.ipv4.ip_forward = 0\n")
    fresh_host.write("/var/lib/dockernet-baseline/journal/1.json", "{}")
    fresh_host.write("/etc/systemd/system/docker.service.d/x.conf", "[Service]\nEnvironment=A=b\n")
    fresh_host.run(["chmod", "0600", "/etc/hosts.allow"], check=False)
    fresh_host.run(["rm", "-rf", "/etc/ssh/sshd_config", "/etc/iproute2"])
    fresh_host.run(["iptables", "-I", "DOCKER-USER", "-j", "DROP"])
    fresh_host.run(["nft", "add", "table", "inet", "mine"])
    fresh_host.run(["ip", "route", "add", "10.9.0.0/16", "via", fresh_host.subnet.ipv4(1)])
    fresh_host.run(["ip", "link", "add", "mybridge", "type", "bridge"])
    fresh_host.set_sysctl("net.ipv4.conf.all.rp_filter", "1")
    fresh_host.docker("network", "create", "stray")
    assert outline(fresh_host) != before
    fresh_host.reset()
    assert outline(fresh_host) == before


def outline(host: Host) -> dict[str, str]:
    """What a fresh host looks like, as far as tests change it."""
    rules = [line for line in host.run(["iptables-save"]).out.splitlines() if not line.startswith(("#", ":"))]
    sysctls = "sysctl -a 2>/dev/null | grep -E '^net.(ipv4|ipv6|bridge)' | grep -Ev 'veth|br-|docker0|secret|key'"
    return {
        "etc": host.run("find /etc -not -name key.json -not -path /etc -printf '%p %m %s %l\\n' | sort").out,
        "lib": host.run("ls /var/lib /usr/local /root").out,
        "rules": "\n".join(rules),
        "tables": host.run(["nft", "list", "tables"]).out,
        "routes": host.run(["ip", "route"]).out,
        "links": host.run("ls /sys/class/net").out,
        "networks": host.docker("network", "ls", "--format", "{{.Name}}").out,
        "sysctls": host.run(sysctls).out,
        "python": host.run(["python3", "-c", "import docker, pyroute2"]).out,
    }


def test_a_break_nobody_knows_is_named(engine_host: Host) -> None:
    with pytest.raises(LabError, match="no such break: 'nonsense'"):
        engine_host.break_("nonsense")


def test_proxy_off_under_live_restore_leaves_hairpin_off(fresh_host: Host) -> None:
    """The scenario the collection is there for: the container lives on, and cannot reach its own published port."""
    fresh_host.deploy(FRONT)
    web = fresh_host.container("web")
    started = web.started_at
    assert web.tcp(fresh_host.address, 8080) == "answered"
    fresh_host.break_("proxy-off-under-live-restore")
    assert web.started_at == started
    assert fresh_host.run("cat /sys/class/net/veth*/brport/hairpin_mode").out.split() == ["0"]
    assert web.tcp(fresh_host.address, 8080, seconds=1) == "timed out"


@pytest.mark.long
def test_reboot_keeps_files_and_forgets_kernel_settings(fresh_host: Host, lab: Lab) -> None:
    always = Workload("web", ["front"], publish=["8080:80"], restart="always")
    fresh_host.deploy(Scenario([NetworkSpec("front")], [always]))
    fresh_host.write("/etc/sysctl.d/99-dockernet.conf", "net.ipv4.conf.default.rp_filter = 2\n")
    fresh_host.set_sysctl("net.ipv4.conf.all.log_martians", "1")
    fresh_host.reboot()
    assert fresh_host.sysctl("net.ipv4.conf.default.rp_filter") == "2"
    assert fresh_host.sysctl("net.ipv4.conf.all.log_martians") == "0"
    fresh_host.wait_for(lambda: lab.outside.tcp(fresh_host.address, 8080) == "answered", 120, "the web server")
