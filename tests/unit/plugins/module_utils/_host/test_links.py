"""rtnetlink, asked in the namespace of the test itself."""

from __future__ import annotations

import os
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.run import missing_library
from ansible_collections.dockernet.baseline.plugins.module_utils._host import links, sysctls
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import NamespaceIds, Netlink, attribute
from ansible_collections.dockernet.baseline.plugins.module_utils._host.sysctls import (
    dotted,
    read_switched_on,
    read_sysctls,
    reception_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import UnreadableError

GONE = 2**22 + 1  # above the largest process id
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link

from tests.unit.patience import EVER


def test_the_loopback_interface() -> None:
    found = {link.name: link for link in links.read_links()}
    assert (found["lo"].index, found["lo"].kind, found["lo"].master, found["lo"].hairpin) == (1, "", None, None)
    assert (found["lo"].mtu, found["lo"].mac) == (65536, "00:00:00:00:00:00")


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (PermissionError(1, "Operation not permitted"), "denied", "links: permission denied; run with become"),
        (OSError(105, "No buffer space available"), "error", "did not list the links: .* No buffer space"),
    ],
)
def test_a_kernel_that_refuses(monkeypatch: pytest.MonkeyPatch, error: OSError, kind: str, words: str) -> None:
    def refuse(route: object) -> None:
        raise error

    monkeypatch.setattr(links, "links_of", refuse)
    with pytest.raises(UnreadableError, match=words) as caught:
        links.read_links()
    assert caught.value.kind == kind


def read(monkeypatch: pytest.MonkeyPatch, *readings: Link) -> list[Link]:
    """What is read of a link that the kernel shows so, one after the other; the last one stays."""
    left = list(readings)
    monkeypatch.setattr(links, "listed", lambda *dummy: [left.pop(0) if len(left) > 1 else left[0]])
    monkeypatch.setattr(links, "_PAUSE_SECONDS", 0.0)
    return links.read_links()


@pytest.mark.parametrize("flags", [0x1043, 0x1043 | 0x80])
def test_whether_arp_is_off(flags: int) -> None:
    """IFF_NOARP of linux/if.h, among flags of a bridge that is up."""
    found = links.link_in(links.LINK.pack(0, 1, 5, flags, 0))
    assert found is not None
    assert found.without_arp is bool(flags & 0x80)


def test_addresses_that_are_looked_for_duplicates_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    settled = Link(1, "br0", operstate="UP", addresses=["2001:db8::1/64"])
    unsettled = replace(settled, tentative=settled.addresses)
    monkeypatch.setattr(links, "_SETTLING_SECONDS", EVER)
    assert read(monkeypatch, unsettled, unsettled, settled) == [settled]


def test_addresses_that_nobody_looks_for_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    idle = Link(1, "br0", operstate="DOWN", addresses=["2001:db8::1/64"], tentative=["2001:db8::1/64"])
    assert read(monkeypatch, idle, replace(idle, tentative=[])) == [idle]


def test_addresses_that_do_not_settle_are_waited_for_some_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "_SETTLING_SECONDS", 0.01)
    stuck = Link(1, "br0", operstate="UP", addresses=["2001:db8::1/64"], tentative=["2001:db8::1/64"])
    assert read(monkeypatch, stuck) == [stuck]


def test_a_library_that_is_there_and_does_not_load() -> None:
    error = ModuleNotFoundError("No module named 'distutils'", name="distutils")
    said = missing_library("pyroute2", "python3-pyroute2", "/usr/bin/python3", error)
    assert "loaded (No module named 'distutils')" in said.reason
    absent = ModuleNotFoundError("No module named 'pyroute2'", name="pyroute2")
    assert "is not installed" in missing_library("pyroute2", "python3-pyroute2", "/usr/bin/python3", absent).reason


def test_our_own_namespace_and_that_of_nobody_have_no_id() -> None:
    with NamespaceIds() as ids:
        assert [ids.of(os.getpid()), ids.of(GONE), ids.of(os.getpid())] == [None, None, None]


def test_sysctls() -> None:
    values = read_sysctls()
    assert values["net.ipv4.conf.lo.forwarding"] in ("0", "1")
    assert all(value for value in values.values())
    assert dotted("net/ipv4/conf/eth0.100/forwarding") == "net.ipv4.conf.eth0/100.forwarding"


STABLE = ("all", "default", "lo")


def test_settings_of_interfaces_are_those_that_files_show() -> None:
    shown = {
        dotted(f"{folder}/{interface}/{name}"): Path("/proc/sys", folder, interface, name).read_text().strip()
        for folder, names in sysctls._PER_INTERFACE.items()
        for interface in STABLE
        for name in names
        if Path("/proc/sys", folder, interface, name).is_file()
    }
    values = read_sysctls()
    assert {
        key: value for key, value in values.items() if key.split(".")[-2] in STABLE and key.count(".") == 4
    } == shown


def of_conf(family: int, kind: int, count: int, numbers: dict[int, int]) -> bytes:
    values = struct.pack(f"={count}i", *(numbers.get(place, 0) for place in range(count)))
    return attribute(26, attribute(family, attribute(kind, values)))


def of_neighbours(family: int, index: int, probes: int) -> bytes:
    shown = attribute(1, struct.pack("=I", index)) + attribute(11, struct.pack("=I", probes))
    return bytes((family, 0, 0, 0)) + attribute(6, shown)


def test_inside_containers_those_count_that_were_changed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One link of a kernel that has fewer settings, and one by a name that has no files."""
    links_there = [
        struct.pack("=BxHiII", 0, 1, index, 0, 0) + attribute(3, name.encode() + b"\0") + numbers
        for index, name, numbers in (
            (1, "lo", of_conf(2, 1, 10, {}) + b""),
            (2, "eth0.7", of_conf(2, 1, 33, {7: 2, 25: 1})),
            (3, "br0", of_conf(10, 2, 27, {1: 64})),
            (4, "all", of_conf(2, 1, 33, {7: 9})),
        )
    ]
    tables = [of_neighbours(2, 0, 7), of_neighbours(2, 1, 3), of_neighbours(2, 2, 1), of_neighbours(10, 3, 0)]
    answers = {18: links_there, 66: [*tables, of_neighbours(12, 1, 5), of_neighbours(2, 99, 5)]}
    monkeypatch.setattr(Netlink, "dump", lambda dummy, kind, dummy2: answers[kind])
    monkeypatch.setattr(sysctls, "SYSCTLS", str(tmp_path))
    (tmp_path / "net/ipv4/conf/all").mkdir(parents=True)
    (tmp_path / "net/ipv4/conf/all/rp_filter").write_text("1\n")
    with Netlink(0) as route:
        assert reception_of(route, links_there) == {
            "net.ipv4.conf.all.rp_filter": "1",
            "net.ipv4.conf.eth0/7.rp_filter": "2",
            "net.ipv4.conf.eth0/7.route_localnet": "1",
            "net.ipv4.neigh.eth0/7.mcast_solicit": "1",
            "net.ipv6.neigh.br0.mcast_solicit": "0",
        }
    assert read_switched_on("rp_filter") == ["net.ipv4.conf.all.rp_filter", "net.ipv4.conf.eth0/7.rp_filter"]
    with pytest.raises(UnreadableError, match="ip_forward"):
        read_sysctls()
