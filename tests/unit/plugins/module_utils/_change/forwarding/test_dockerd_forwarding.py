"""The warning about FORWARD comes when it is true, and only then."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.dockerd_forwarding import (
    closes_at_boot,
    manages_rules,
    open_router_warnings,
    unstarted_warnings,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import DaemonConfig
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import filters_with_nftables
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot, Source

from tests.unit.plugins.module_utils._change.hosts import CONFIG_PATH, HOST, with_engine

FOUR, SIX = {"ipv4"}, {"ipv6"}
CLOSED = {"ipv4": "DROP", "ipv6": "DROP"}
OPEN = {"ipv4": "ACCEPT", "ipv6": "ACCEPT"}
RULES = "*filter\n:FORWARD DROP [0:0]\n:DOCKER - [0:0]\nCOMMIT\n"


def configured(**values: object) -> HostSnapshot:
    return replace(HOST, daemon_config=DaemonConfig(CONFIG_PATH, exists=True, values=values))


def test_persistent_forwarding_takes_the_job_from_dockerd() -> None:
    (warning,) = open_router_warnings(HOST, CLOSED, set(), FOUR)
    assert "26.1.5" in warning
    assert "DROP" in warning


@pytest.mark.parametrize(
    "host",
    [
        replace(HOST, engine=None, sources={"engine": Source(read=False, kind="absent")}),
        configured(**{"ip-forward": False}),
        configured(**{"ip-forward-no-drop": True}),
        configured(iptables=False),
    ],
)
def test_a_dockerd_that_would_not_close_it(host: HostSnapshot) -> None:
    assert open_router_warnings(host, OPEN, FOUR, FOUR) == []


def test_an_engine_that_could_not_be_asked() -> None:
    stopped = replace(HOST, engine=None, sources={"engine": Source(read=False, kind="stopped", reason="it is stopped")})
    assert open_router_warnings(stopped, OPEN, set(), set()) == []
    (warning,) = open_router_warnings(stopped, OPEN, FOUR, FOUR)
    assert "it is stopped" in warning


def test_ipv6_is_closed_at_every_start_before_engine_28() -> None:
    assert open_router_warnings(HOST, CLOSED, set(), SIX) == []
    assert len(open_router_warnings(with_engine(version="28.5.2"), CLOSED, set(), SIX)) == 1


def test_an_open_chain_now() -> None:
    assert len(open_router_warnings(HOST, OPEN, FOUR, set())) == 1
    assert open_router_warnings(HOST, CLOSED, FOUR, set()) == []


def test_with_nftables_dockerd_closes_nothing_for_others() -> None:
    host = with_engine(version="29.1.5", firewall_driver="nftables")
    (now,) = open_router_warnings(host, OPEN, FOUR, FOUR)
    assert "as of now" in now
    assert "hook forward" in now
    (later,) = open_router_warnings(host, OPEN, set(), SIX)
    assert "IPv6 from the next boot" in later


def test_with_nftables_dockerd_wants_forwarding_on() -> None:
    host = with_engine(version="29.1.5", firewall_driver="nftables")
    (warning,) = unstarted_warnings(host, FOUR | SIX)
    assert "does not start" in warning
    six = replace(host, networks=[replace(host.networks[0], ipv6=True)])
    assert len(unstarted_warnings(six, FOUR | SIX)) == 2
    assert unstarted_warnings(host, set()) == []
    assert unstarted_warnings(HOST, FOUR) == []
    alone = replace(configured(**{"ip-forward": False}), engine=host.engine)
    assert unstarted_warnings(alone, FOUR) == []


def test_whether_dockerd_makes_rules() -> None:
    assert manages_rules(HOST, RULES, "ipv4")
    assert not manages_rules(HOST, "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n", "ipv4")
    assert not manages_rules(configured(iptables=False), RULES, "ipv4")
    # On by default from 27 on.
    assert not manages_rules(HOST, RULES, "ipv6")
    assert manages_rules(with_engine(version="27.0.1"), RULES, "ipv6")
    assert manages_rules(configured(ip6tables=True), RULES, "ipv6")


def test_the_backend_of_a_stopped_engine_is_that_of_its_file() -> None:
    assert not filters_with_nftables(HOST)
    assert filters_with_nftables(replace(configured(**{"firewall-backend": "nftables"}), engine=None))
    assert filters_with_nftables(with_engine(firewall_driver="nftables+firewalld"))


def test_who_closes_forward_at_boot() -> None:
    assert closes_at_boot(HOST, "ipv4", set())
    # A file turns forwarding on before dockerd starts.
    assert not closes_at_boot(HOST, "ipv4", FOUR)
    for values in ({"ip-forward": False}, {"ip-forward-no-drop": True}, {"iptables": False}):
        assert not closes_at_boot(configured(**values), "ipv4", set())
    # Before 28, IPv6 is closed at every start where dockerd makes its rules, and never where it does not.
    six = replace(HOST, networks=[replace(HOST.networks[0], ipv6=True)])
    assert not closes_at_boot(six, "ipv6", set())
    assert closes_at_boot(replace(configured(ip6tables=True), networks=six.networks), "ipv6", SIX)
    later = replace(six, engine=with_engine(version="28.5.2").engine)
    assert closes_at_boot(later, "ipv6", set())
    assert not closes_at_boot(later, "ipv6", SIX)
