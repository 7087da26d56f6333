"""rtnetlink, asked in the namespace of the test itself."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.run import missing_library
from ansible_collections.dockernet.baseline.plugins.module_utils._host import links, sysctls
from ansible_collections.dockernet.baseline.plugins.module_utils._host.network_namespaces import NamespaceIds
from ansible_collections.dockernet.baseline.plugins.module_utils._host.sysctls import (
    dotted,
    read_reception,
    read_sysctls,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import UnreadableError

GONE = 2**22 + 1  # above the largest process id
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link


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


def test_addresses_that_are_looked_for_duplicates_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    settled = Link(1, "br0", operstate="UP", addresses=["2001:db8::1/64"])
    unsettled = replace(settled, tentative=settled.addresses)
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


def test_inside_containers_how_often_neighbours_are_asked_for_counts_where_it_was_changed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in {"br0": "0", "eth0": "3", "eth0.7": "1"}.items():
        folder = tmp_path / "net/ipv4/neigh" / name
        folder.mkdir(parents=True)
        (folder / "mcast_solicit").write_text(f"{value}\n")
    (tmp_path / "net/ipv4/ip_forward").write_text("1\n")
    monkeypatch.setattr(sysctls, "SYSCTLS", str(tmp_path))
    changed = {"net.ipv4.neigh.br0.mcast_solicit": "0", "net.ipv4.neigh.eth0/7.mcast_solicit": "1"}
    assert read_sysctls() == {"net.ipv4.ip_forward": "1", "net.ipv4.neigh.eth0.mcast_solicit": "3", **changed}
    assert read_reception() == changed
