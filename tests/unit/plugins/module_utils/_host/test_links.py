"""rtnetlink, asked in the namespace of the test itself."""

from __future__ import annotations

import os
import sys

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import links
from ansible_collections.dockernet.baseline.plugins.module_utils._host.nsid import NamespaceIds
from ansible_collections.dockernet.baseline.plugins.module_utils._host.sysctls import dotted, read_sysctls
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import (
    UnreadableError,
    missing_library,
)

GONE = 2**22 + 1  # above the largest process id


@pytest.mark.filterwarnings("ignore:distutils Version classes:DeprecationWarning")
def test_the_loopback_interface() -> None:
    pytest.importorskip("pyroute2")
    found = {link.name: link for link in links.read_links()}
    assert (found["lo"].index, found["lo"].kind, found["lo"].master, found["lo"].hairpin) == (1, "", None, None)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyroute2", None)
    with pytest.raises(UnreadableError) as caught:
        links.read_links()
    assert caught.value.kind == "library"
    assert "install python3-pyroute2" in caught.value.reason


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
