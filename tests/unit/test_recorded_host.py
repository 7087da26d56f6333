"""Recorded hosts are whole: what the readers would have read is in them."""

from __future__ import annotations

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host.saved_snapshot import load_snapshot

from tests.unit.recorded_host import NAMES, observed, recorded_host


@pytest.mark.parametrize("name", NAMES)
def test_recorded_hosts_are_snapshots(name: str) -> None:
    snapshot = recorded_host(name)
    assert load_snapshot(snapshot.to_json()) == snapshot


@pytest.mark.parametrize("name", NAMES)
def test_addresses_inside_are_those_that_were_seen(name: str) -> None:
    snapshot = recorded_host(name)
    inside = {item.inode: item for item in snapshot.container_namespaces}
    by_name = {container.name: container for container in snapshot.containers}
    for container, address in observed(name)["addresses"].items():
        inode = by_name[container].netns
        assert inode is not None
        addresses = [text.split("/")[0] for link in inside[inode].links for text in link.addresses]
        assert address in addresses


def test_all_four_are_there() -> None:
    assert NAMES == ("iptables-proxy-off", "iptables-proxy-on", "nftables-proxy-off", "nftables-proxy-on")
