"""The numbers of CIS items, held against the table that they were taken from, as it was written down there."""

from __future__ import annotations

import pytest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import cis
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import Check
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import CHECKS

COLUMNS = (("1.8.0",), ("1.6.0", "1.7.0"), ("1.4.0", "1.5.0"), ("1.2.0",), ("1.1.0",), ("1.13.0",))
TABLE = """
ICC                         2.2         2.2         2.2         2.1         2.1         2.1
IPTABLES                    2.4         2.4         2.4         2.3         2.3         2.3
TLS                         2.8         2.7         2.7         2.6         2.6         2.6
LIVE_RESTORE                2.16        2.15        2.15        2.13        2.14        2.14
USERLAND_PROXY              2.17        2.16        2.16        2.14        2.15        2.18
DAEMON_JSON_OWNER_AND_MODE  3.17,~3.18  3.17,~3.18  3.17,~3.18  3.17,~3.18  3.17,~3.18  3.17,~3.18
CAPABILITIES                5.4         5.4         5.3         5.3         5.3         5.3
PRIVILEGED_PORTS            5.8         5.8         5.7         5.7         5.7         5.7
HOST_NETWORK                5.10        5.10        5.9         5.9         5.9         5.9
BOUND_TO_INTERFACE          5.14        5.14        5.13        5.13        5.13        5.13
DEFAULT_BRIDGE              5.30        5.30        5.29        5.29        5.29        5.29
OVERLAY_ENCRYPTED           7.3         7.3         7.4         7.4         7.4         2.19
"""
ITEMS_OF_CHECKS = {
    "daemon.live-restore": "LIVE_RESTORE",
    "daemon.permissions": "DAEMON_JSON_OWNER_AND_MODE",
    "daemon.tcp": "TLS",
    "firewall.disabled": "IPTABLES",
    "mode.capabilities": "CAPABILITIES",
    "mode.host": "HOST_NETWORK",
    "network.default-bridge": "DEFAULT_BRIDGE",
    "network.icc": "ICC",
    "network.overlay-unencrypted": "OVERLAY_ENCRYPTED",
    "proxy.enabled": "USERLAND_PROXY",
    "publish.privileged": "PRIVILEGED_PORTS",
    "publish.wildcard": "BOUND_TO_INTERFACE",
}
"""All others have no item: none of the benchmarks knows forwarding, hairpin, IPv6 or address pools, say."""


def written_down() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for line in TABLE.strip().splitlines():
        name, *numbers = line.split(" ")
        columns = [number.replace("~", " ") for number in numbers if number]
        assert len(columns) == len(COLUMNS), line
        found[name] = {version: number for versions, number in zip(COLUMNS, columns) for version in versions}
    found["ICC"]["1.3.1"] = "2.2"
    return found


def test_each_item_has_the_numbers_of_the_table_and_there_is_no_other_item() -> None:
    items = {name: value for name, value in vars(cis).items() if name.isupper() and isinstance(value, dict)}
    assert items == written_down()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_each_check_cites_the_item_that_is_about_the_same(check: Check) -> None:
    name = ITEMS_OF_CHECKS.get(check.id)
    assert check.cis == (getattr(cis, name) if name else {})


def test_no_item_is_without_a_check() -> None:
    assert {check.id for check in CHECKS} >= set(ITEMS_OF_CHECKS)
    assert set(ITEMS_OF_CHECKS.values()) == set(written_down())


def test_an_item_that_moved_is_told_apart_by_the_version() -> None:
    assert cis.HOST_NETWORK["1.6.0"] == "5.10"
    assert cis.HOST_NETWORK["1.5.0"] == "5.9"
    assert cis.TLS["1.8.0"] == "2.8"
    assert cis.TLS["1.7.0"] == "2.7"
