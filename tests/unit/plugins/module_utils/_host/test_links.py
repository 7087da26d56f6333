"""rtnetlink, asked in the namespace of the test itself."""

from __future__ import annotations

import os

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import links
from ansible_collections.dockernet.baseline.plugins.module_utils._host.nsid import NamespaceIds
from ansible_collections.dockernet.baseline.plugins.module_utils._host.sysctls import dotted, read_sysctls
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import (
    UnreadableError,
    missing_library,
)

GONE = 2**22 + 1  # above the largest process id


def test_the_loopback_interface() -> None:
    found = {link.name: link for link in links.read_links()}
    assert (found["lo"].index, found["lo"].kind, found["lo"].master, found["lo"].hairpin) == (1, "", None, None)
    assert (found["lo"].mtu, found["lo"].mac) == (65536, "00:00:00:00:00:00")


def test_a_kernel_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(route: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(links, "links_of", refuse)
    with pytest.raises(UnreadableError, match="did not list the links"):
        links.read_links()


def test_a_library_that_is_there_and_does_not_load() -> None:
    error = ModuleNotFoundError("No module named 'distutils'", name="distutils")
    said = missing_library("pyroute2", "python3-pyroute2", "/usr/bin/python3", error)
    assert "cannot be loaded (No module named 'distutils')" in said.reason
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
