"""Which bridge ports change, on synthetic hosts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.bridge_hairpin_plan import (
    HairpinWish,
    plan_hairpin,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

from tests.unit.plugins.module_utils._change.hosts import HOST, unread, with_proxy_off


def modes(host: HostSnapshot, state: str, networks: list[str] | None = None) -> dict[str, bool]:
    return {port.port: port.after for port in plan_hairpin(host, HairpinWish(state, networks)).ports}


def test_auto_follows_the_daemon() -> None:
    assert modes(HOST, "auto") == {}
    assert modes(with_proxy_off(), "auto") == {"veth1": True}


def test_auto_on_a_port_left_from_before() -> None:
    links = [HOST.links[0], replace(HOST.links[1], hairpin=True)]
    assert modes(replace(HOST, links=links), "auto") == {"veth1": False}


def test_an_unknown_mode_is_not_guessed() -> None:
    silent = replace(HOST, proxies=[], ruleset=None)
    with pytest.raises(Refusal, match="state: enabled or state: disabled"):
        plan_hairpin(silent, HairpinWish("auto"))
    assert modes(silent, "enabled") == {"veth1": True}


def test_networks_limit_it() -> None:
    assert modes(HOST, "enabled", ["shop"]) == {"veth1": True}
    assert modes(HOST, "enabled", []) == {}
    with pytest.raises(Refusal, match="no bridge network office on this host; there are shop"):
        plan_hairpin(HOST, HairpinWish("enabled", ["office"]))


def test_harm_is_said() -> None:
    links = [HOST.links[0], replace(HOST.links[1], hairpin=True)]
    off = replace(with_proxy_off(), links=links)
    assert "web" in plan_hairpin(off, HairpinWish("disabled")).outline.warnings[0]
    assert plan_hairpin(off, HairpinWish("enabled", netfilter=False)).outline.warnings == []
    assert plan_hairpin(replace(HOST, links=links), HairpinWish("disabled")).outline.warnings == []


def test_a_port_that_was_not_found_is_said() -> None:
    plan = plan_hairpin(replace(HOST, links=HOST.links[:1]), HairpinWish("enabled"))
    assert plan.outline.actions == []
    assert "web" in plan.outline.warnings[0]


def test_unread_sources() -> None:
    with pytest.raises(Refusal, match="install python3-pyroute2"):
        plan_hairpin(unread("links", "install python3-pyroute2"), HairpinWish("enabled"))


def test_the_table() -> None:
    (diff,) = plan_hairpin(HOST, HairpinWish("enabled")).outline.diffs
    assert diff.before.endswith("veth1 web off\n")
    assert diff.after.endswith("veth1 web on\n")
