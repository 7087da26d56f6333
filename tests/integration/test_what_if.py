# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is predicted of a change before it is made is what is read once it was made: each flow, on real hosts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.reach.compare import compare
from ansible_collections.dockernet.baseline.plugins.plugin_utils.reach.flows import Flows
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.changes import read_changes
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.paper_host import with_changes

from tests.integration.harden_runs import harden, run
from tests.integration.snapshots import install_readers, read_host
from tests.lab import images, later_packages, lifecycle
from tests.lab.ansible_runs import ansible_module
from tests.lab.host import Host
from tests.lab.kinds import KINDS
from tests.lab.lab import Lab
from tests.lab.scenario import NetworkSpec, Scenario, Workload, container_command, wait_for_servers

DB = Workload("db", ["back"], serve=(5432,))
SHOP = Scenario(
    networks=[NetworkSpec("front"), NetworkSpec("back")],
    containers=[
        Workload("web", ["front"], publish=["8080:80", "127.0.0.1:8443:80"]),
        Workload("peer", ["front"]),
        DB,
        Workload("both", ["front", "back"]),
        Workload("old", publish=["9000:80"]),
    ],
)


@pytest.fixture
def shop(fresh_host: Host) -> Host:
    install_readers(fresh_host)
    fresh_host.deploy(SHOP)
    return fresh_host


def flows(snapshot: HostSnapshot) -> Flows:
    return Flows(AuditContext(snapshot, Settings()).matrix)


def differences(before: HostSnapshot, changes: list[dict[str, Any]], after: HostSnapshot) -> list[str]:
    """Return in what a host is otherwise than it was predicted to be."""
    return [change.words for change in compare(flows(with_changes(before, read_changes(changes))), flows(after))]


def assert_as_predicted(before: HostSnapshot, changes: list[dict[str, Any]], after: HostSnapshot) -> list[str]:
    """Return what was predicted, where each flow is as it then was."""
    assert differences(before, changes, after) == []
    return [change.words for change in compare(flows(before), flows(with_changes(before, read_changes(changes))))]


@pytest.mark.parametrize(
    "where", ["own", *(pytest.param(where, marks=pytest.mark.long) for where in ("any", "loopback"))]
)
def test_a_port_that_is_published_at_any_address(shop: Host, where: str) -> None:
    host_ip = {"own": shop.address, "any": "", "loopback": "127.0.0.1"}[where]
    before = read_host(shop)
    shop.docker("rm", "--force", "db")
    again = replace(DB, publish=[f"{host_ip}:15432:5432" if host_ip else "15432:5432"])
    shop.docker(*container_command(again))
    wait_for_servers(shop, again)
    after = read_host(shop)
    publish = {"container": "db", "port": 5432, "host_port": 15432, "host_ip": host_ip}
    said = assert_as_predicted(before, [{"publish": publish}], after)
    assert any("db:5432/tcp" in line and line.startswith("new: ") for line in said)
    shop.docker("rm", "--force", "db")
    shop.docker(*container_command(DB))
    wait_for_servers(shop, DB)
    assert_as_predicted(after, [{"unpublish": {"container": "db", "host_port": 15432}}], read_host(shop))


@pytest.mark.parametrize("icc", [False, pytest.param(True, marks=pytest.mark.long)])
@pytest.mark.parametrize("internal", [False, pytest.param(True, marks=pytest.mark.long)])
def test_networks_that_are_added_with_containers(shop: Host, internal: bool, icc: bool) -> None:
    before = read_host(shop)
    words = ["--internal"] if internal else []
    option = f"com.docker.network.bridge.enable_icc={str(icc).lower()}"
    shop.docker("network", "create", *words, "--opt", option, "more")
    for container in ("db", "peer"):
        shop.docker("network", "connect", "more", container)
    after = read_host(shop)
    connects = [{"connect": {"network": "more", "container": container}} for container in ("db", "peer")]
    assert_as_predicted(before, [{"network": {"name": "more", "internal": internal, "icc": icc}}, *connects], after)
    shop.docker("network", "disconnect", "more", "db")
    assert_as_predicted(after, [{"disconnect": {"network": "more", "container": "db"}}], read_host(shop))


def test_icc_off_on_the_default_network(shop: Host) -> None:
    shop.deploy(Scenario(containers=[Workload("older")]))
    before = read_host(shop)
    shop.write("/etc/docker/daemon.json", '{"icc": false}\n')
    shop.restart_docker()
    for item in (*SHOP.containers, Workload("older")):
        shop.docker("start", item.name)
        wait_for_servers(shop, item)
    said = assert_as_predicted(before, [{"icc": {"network": "bridge", "enabled": False}}], read_host(shop))
    assert any("older:80/tcp" in line and line.startswith("no longer: ") for line in said)


def test_docker_proxy_off_by_a_restart_of_all(shop: Host) -> None:
    before = read_host(shop)
    shop.write("/etc/docker/daemon.json", '{"userland-proxy": false}\n')
    shop.restart_docker()
    for item in SHOP.containers:
        shop.docker("start", item.name)
        wait_for_servers(shop, item)
    assert_as_predicted(before, [{"userland_proxy": False}], read_host(shop))


def test_docker_proxy_off_by_its_module_which_guards_loopback_addresses(shop: Host) -> None:
    before = read_host(shop)
    arguments = {"state": "disabled", "live_restore": "enabled", "on_disruption": "allow"}
    done = ansible_module(shop, "dockernet.baseline.userland_proxy", arguments)
    assert not done.get("failed"), done
    (line,) = differences(before, [{"userland_proxy": False}], read_host(shop))
    assert line.startswith("no longer: outside reaches old:80/tcp, web:80/tcp at 127.0.0.1: ")
    assert line.endswith("dockernet-loopback-guard -j DROP")


def test_harden_says_in_check_mode_what_its_run_then_does(shop: Host, lab: Lab) -> None:
    before = read_host(shop)
    wanted = {"harden_userland_proxy": "disabled", "harden_live_restore": "enabled", "harden_on_disruption": "allow"}
    done = run(lab, shop, check=True, **wanted)
    assert "Reachability after the planned changes:" in done.out
    (told,) = [task.result for task in done.of("dockernet.baseline.what_if")]
    harden(lab, shop, **wanted)
    really = [change.words for change in compare(flows(before), flows(read_host(shop)))]
    assert told["undetermined"] == []
    # What is behind the second colon is why, with numbers of rules.
    assert sorted(map(about, (*told["new"], *told["no_longer"]))) == sorted(map(about, really))


def about(line: str) -> list[str]:
    return line.split(": ")[:2]


# ---- the engine upgraded ---------------------------------------------------------------------------------------------

PROGRAMS = ("usr/sbin/dockerd", "usr/sbin/docker-proxy")
LIBRARY = "usr/lib/x86_64-linux-gnu/libdevmapper.so.1.02.1"
"""What dockerd of Debian 12 needs besides, and no host of Debian 13 has."""


@pytest.mark.long
@pytest.mark.kinds("debian13")
def test_an_engine_that_is_upgraded_from_20_10_to_26_1_and_28_5(shop: Host, lab: Lab, tmp_path: Path) -> None:
    """By the programs of other kinds of host on one host: all three have packages that share one containerd."""
    for name in PROGRAMS:
        shop.run(["cp", "--archive", f"/{name}", f"/{name}.own"])
    try:
        anew = "rm -rf /var/lib/docker/* && iptables -F && iptables -t nat -F && ip6tables -F"
        start_with(shop, packaged(lab, "debian12", (*PROGRAMS, LIBRARY), tmp_path), anew)
        shop.load_workload_image()
        shop.deploy(SHOP)
        hosts = [read_host(shop)]
        start_with(shop, {})
        start_all(shop)
        hosts.append(read_host(shop))
        start_with(shop, packaged(lab, "debian13-docker28", PROGRAMS, tmp_path))
        start_all(shop)
        hosts.append(read_host(shop))
    finally:
        start_with(shop, {}, f"rm -rf /{LIBRARY} /var/lib/docker/*")
        shop.load_workload_image()
    versions = [host.engine.version.partition("+")[0] for host in hosts if host.engine is not None]
    assert [version.rpartition(".")[0] for version in versions] == ["20.10", "26.1", "28.5"]
    assert assert_as_predicted(hosts[0], [{"engine": versions[1]}], hosts[1]) == []
    for before in hosts[:2]:
        said = assert_as_predicted(before, [{"engine": versions[2]}], hosts[2])
        assert any(line.startswith("no longer: outside") and "web:80/tcp" in line for line in said), said


@pytest.fixture
def disposable_shop(shop: Host, lab: Lab) -> Iterator[Host]:
    """The shop, on a host that is made anew afterwards: no reset takes packages of a later Debian back."""
    yield shop
    lab.engine.docker("rm", "--force", shop.container_name)
    lifecycle.add(lab.identity, shop.host_name, print)


@pytest.mark.long
@pytest.mark.kinds("debian12")
def test_an_engine_that_is_upgraded_by_packages_of_later_releases(disposable_shop: Host, tmp_path: Path) -> None:
    """Debian 12 with the engine of Debian 13, then with that of the release after it, and what these packages need."""
    host = disposable_shop
    hosts = [read_host(host)]
    for kind in (KINDS["debian13"], KINDS["debian13-docker28"]):
        archives = later_packages.install(host, kind.pinned_from or kind.suite, ("docker.io", "docker-cli"), tmp_path)
        assert any(name.startswith(f"docker.io_{kind.engine}") for name in archives)
        # Debian's package leaves the engine running that it was installed over.
        host.restart_docker()
        start_all(host)
        hosts.append(read_host(host))
    versions = [read.engine.version.partition("+")[0] for read in hosts if read.engine is not None]
    assert [version.rpartition(".")[0] for version in versions] == ["20.10", "26.1", "28.5"]
    assert assert_as_predicted(hosts[0], [{"engine": versions[1]}], hosts[1]) == []
    for before in hosts[:2]:
        said = assert_as_predicted(before, [{"engine": versions[2]}], hosts[2])
        assert any(line.startswith("no longer: outside") and "web:80/tcp" in line for line in said), said


def packaged(lab: Lab, kind: str, names: Sequence[str], folder: Path) -> dict[str, bytes]:
    """Files of another kind of host, by path, out of its image."""
    image = images.ensure(lab.engine, KINDS[kind], print)
    container = lab.identity.thing(f"files-of-{kind}")
    lab.engine.docker("create", "--name", container, image, "true")
    try:
        for name in names:
            lab.engine.docker("cp", "--follow-link", f"{container}:/{name}", str(folder / Path(name).name))
    finally:
        lab.engine.docker("rm", "--force", container)
    return {name: (folder / Path(name).name).read_bytes() for name in names}


def start_with(host: Host, files: Mapping[str, bytes], between: str = "true") -> None:
    """Start the engine with these files in place of its own; without any, with its own."""
    host.run(f"systemctl stop docker.socket docker.service && {between}")
    for name, content in files.items():
        host.write(f"/{name}.new", content, 0o755)
        host.run(["mv", f"/{name}.new", f"/{name}"])
    for name in () if files else PROGRAMS:
        host.run(["cp", "--archive", "--remove-destination", f"/{name}.own", f"/{name}"])
    host.run("systemctl reset-failed docker.service; systemctl start docker.socket docker.service")
    host.wait_for_docker(60)


def start_all(host: Host) -> None:
    for item in SHOP.containers:
        host.docker("start", item.name)
        wait_for_servers(host, item)
