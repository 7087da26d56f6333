"""The warning about FORWARD comes when it is true, and only then."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forward_policy import policy_warnings
from ansible_collections.dockernet.baseline.plugins.module_utils._model.config import DaemonConfig
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot, Source

from tests.unit.plugins.module_utils._change.hosts import CONFIG_PATH, HOST, with_engine

FOUR, SIX = {"ipv4"}, {"ipv6"}


def configured(**values: object) -> HostSnapshot:
    return replace(HOST, daemon_config=DaemonConfig(CONFIG_PATH, exists=True, values=values))


def saved(text: str) -> HostSnapshot:
    return replace(HOST, ruleset=Ruleset({"iptables-nft-save": text}))


def test_persistent_forwarding_takes_the_job_from_dockerd() -> None:
    (warning,) = policy_warnings(HOST, set(), FOUR)
    assert "26.1.5" in warning
    assert "DROP" in warning


@pytest.mark.parametrize(
    "host",
    [
        replace(HOST, engine=None, sources={"engine": Source(read=False, kind="absent")}),
        with_engine(firewall_driver="nftables"),
        configured(**{"ip-forward": False}),
        configured(**{"ip-forward-no-drop": True}),
        configured(iptables=False),
    ],
)
def test_a_dockerd_that_would_not_close_it(host: HostSnapshot) -> None:
    assert policy_warnings(host, FOUR, FOUR) == []


def test_an_engine_that_could_not_be_asked() -> None:
    stopped = replace(HOST, engine=None, sources={"engine": Source(read=False, kind="stopped", reason="it is stopped")})
    assert policy_warnings(stopped, set(), set()) == []
    (warning,) = policy_warnings(stopped, FOUR, FOUR)
    assert "it is stopped" in warning


def test_ipv6_is_closed_at_every_start_before_engine_28() -> None:
    assert policy_warnings(HOST, set(), SIX) == []
    assert len(policy_warnings(with_engine(version="28.5.2"), set(), SIX)) == 1


def test_an_open_chain_now() -> None:
    opened = "*nat\n:FORWARD ACCEPT [0:0]\nCOMMIT\n*filter\n:INPUT ACCEPT [0:0]\n:FORWARD {} [0:0]\nCOMMIT\n"
    assert len(policy_warnings(saved(opened.format("ACCEPT")), FOUR, set())) == 1
    assert policy_warnings(saved(opened.format("DROP")), FOUR, set()) == []
