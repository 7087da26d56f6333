# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose events they are, and of which hook."""

from __future__ import annotations

import dataclasses
import struct
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import (
    DROPPED_BY_RULE,
    LEFT,
    LOST,
    NOT_SEEN,
    TO_HOST,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._trace import following
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.events import (
    Headers,
    LoggedEvent,
    RawEvent,
    parse_trace,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.following import Follower
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.identity import Identity, Wanted

RECORDED = Path(__file__).parents[3] / "fixtures" / "traces" / "container-to-outside.hex"
OWN = "trace"
TOKEN = bytes((1, 2, 3, 4))
DEVICES = {1: "lo", 2: "eth0", 7: "br-front"}


def follower(**changes: Any) -> Follower:
    return Follower(
        OWN, lambda index: DEVICES.get(index, f"#{index}"), **{"identity": Identity(4, "tcp", TOKEN), **changes}
    )


def syn(source: str = "10.0.0.2", destination: str = "192.0.2.1", token: bytes = TOKEN, port: int = 80) -> Headers:
    transport = struct.pack(">HH", 40000, port) + token + struct.pack(">IBBHHH", 0, 5 << 4, 2, 0, 0, 0)
    return Headers(4, "tcp", source, destination, transport)


def answer(flags: int = 0x12, token: bytes = TOKEN) -> Headers:
    acknowledged = struct.pack(">I", int.from_bytes(token, "big") + 1)
    transport = struct.pack(">HHI", 80, 40000, 99) + acknowledged + struct.pack(">BBHHH", 5 << 4, flags, 0, 0, 0)
    return Headers(4, "tcp", "192.0.2.1", "10.0.0.2", transport)


def event(chain: str, headers: Headers | None = None, table: str = OWN, **changes: Any) -> RawEvent:
    given = {
        "family": "inet",
        "table": table,
        "chain": chain,
        "kind": "rule",
        "verdict": "continue",
        "jump_to": "",
        "handle": 3,
        "id": 1,
        "headers": headers,
        "iif": None,
        "oif": None,
        "mark": None,
        "connection": None,
        "is_reply": None,
    }
    return RawEvent(**{**given, **changes})


def test_a_recorded_trace() -> None:
    messages = [parse_trace(bytes.fromhex(line)) for line in RECORDED.read_text(encoding="ascii").splitlines()]
    tag = next(item.headers for item in messages if item.headers is not None)
    found = Follower(messages[0].table, str, Identity(4, "tcp", tag.transport[4:8]))
    for message in messages:
        found.take(message, 0.0)
    assert [(item.hook, item.table, item.chain, item.verdict) for item in found.events] == [
        ("prerouting", "ip nat", "PREROUTING", "accept"),
        ("forward", "ip filter", "FORWARD", "jump"),
        ("forward", "ip filter", "DOCKER-USER", "return"),
        ("forward", "ip filter", "FORWARD", "jump"),
        ("forward", "ip filter", "DOCKER-ISOLATION-STAGE-1", "jump"),
        ("forward", "ip filter", "DOCKER-ISOLATION-STAGE-2", "return"),
        ("forward", "ip filter", "DOCKER-ISOLATION-STAGE-1", "return"),
        ("forward", "ip filter", "FORWARD", "accept"),
        ("postrouting", "ip nat", "POSTROUTING", "accept"),
    ]
    assert found.is_over
    assert (found.end.kind, found.end.source) == (LEFT, "198.18.5.13:40497")
    assert found.others == 0


def test_events_of_others_are_counted_and_left_out() -> None:
    found = follower()
    found.take(event("prerouting", syn(), id=1), 0.0)
    found.take(event("FORWARD", syn(token=b"\x09" * 4), "filter", id=2), 0.0)
    found.take(event("DOCKER", None, "filter", id=2), 0.0)
    found.take(event("X", None, "filter", id=3), 0.0)
    assert (found.events, found.others) == ([], 3)


def test_an_id_that_becomes_anothers() -> None:
    found = follower()
    found.take(event("prerouting", syn()), 0.0)
    found.take(event("PREROUTING", None, "nat", handle=5), 0.0)
    found.take(event("prerouting", syn(token=b"\x09" * 4)), 0.0)
    found.take(event("PREROUTING", None, "nat", handle=6), 0.0)
    assert [item.handle for item in found.events] == [5]


def test_where_nothing_came() -> None:
    assert follower().end.kind == NOT_SEEN


def test_what_is_lost_between_two_hooks() -> None:
    found = follower()
    found.take(event("prerouting", syn()), 0.0)
    found.take(event("PREROUTING", None, "nat", handle=5), 0.0)
    assert (found.end.kind, found.end.source) == (LOST, "10.0.0.2:40000")
    assert not found.is_over


@pytest.mark.parametrize("kind", ["rule", "policy"])
def test_a_drop_is_the_end(kind: str) -> None:
    found = follower()
    found.take(event("forward", syn()), 0.0)
    found.take(event("FORWARD", None, "filter", kind=kind, verdict="drop"), 0.0)
    assert found.is_over
    assert (found.end.kind, found.events[0].hook) == (DROPPED_BY_RULE, "forward")


def test_what_goes_out_by_the_loopback_device_comes_in_again() -> None:
    found = follower()
    found.take(event("output", syn()), 0.0)
    found.take(event("postrouting-end", syn(), oif=1), 0.0)
    assert found.end.kind == LOST
    found.take(event("input-end", syn(), iif=1, verdict="drop"), 0.0)
    assert (found.end.kind, found.end.device, found.is_over) == (TO_HOST, "lo", True)


def test_the_end_of_a_bridge_counts_where_rules_of_ip_see_none() -> None:
    found = follower()
    found.take(event("postrouting-end", syn(), family="bridge", oif=7), 0.0)
    assert (found.end.kind, found.end.device, found.is_over) == (LEFT, "br-front", False)
    found.take(event("postrouting-end", syn("192.0.2.9"), oif=2, verdict="drop"), 0.0)
    assert (found.end.device, found.end.source, found.is_over) == ("eth0", "192.0.2.9:40000", True)


def test_a_packet_that_is_sent_again_is_another() -> None:
    found = follower()
    found.take(event("prerouting", syn()), 0.0)
    found.take(event("prerouting", syn()), 1.0)
    found.take(event("PREROUTING", None, "nat"), 1.0)
    assert (found.events, found.others) == ([], 2)


@pytest.mark.parametrize(("flags", "said"), [(0x12, "answered"), (0x14, "refused")])
def test_an_answer(flags: int, said: str) -> None:
    found = follower()
    found.take(event("prerouting", syn()), 0.0)
    found.take(event("forward", answer(flags), id=2), 0.1)
    found.take(event("FORWARD", None, "filter", id=2), 0.1)
    assert [(item.leg, item.source) for item in found.events] == [("reply", "192.0.2.1:80")]
    assert found.answer == said


def test_an_answer_to_another_connection() -> None:
    found = follower()
    found.take(event("forward", answer(token=b"\x09" * 4), id=2), 0.1)
    assert (found.answer, found.others) == ("", 1)


def test_an_error_about_the_connection_is_an_answer() -> None:
    found = follower()
    found.take(event("prerouting", syn(), connection=77), 0.0)
    router = Headers(4, "icmp", "192.0.2.254", "10.0.0.2", bytes((3, 1)) + bytes(18))
    found.take(event("prerouting-later", router, id=2, connection=77, is_reply=True), 0.1)
    assert found.answer == "unreachable"
    # A legacy table names no connection, here once the address that the request was given is taken off.
    inside = dataclasses.replace(router, destination="10.0.0.9")
    other = dataclasses.replace(router, source="192.0.2.253")
    found.take(event("forward", inside, id=2, connection=77, is_reply=True), 0.1)
    for headers, hook in ((router, "prerouting"), (inside, "forward"), (other, "forward")):
        found.take_logged(LoggedEvent(4, "mangle", hook.upper(), "policy", 1, hook, headers, 2, None, None), 0.1)
    assert [(item.leg, item.destination) for item in found.events] == [("reply", "10.0.0.2"), ("reply", "10.0.0.9")]
    assert found.others == 1


def test_the_connection_of_docker_proxy() -> None:
    second = syn("172.17.0.1", "172.17.0.2", b"\x09" * 4, 8080)
    found = follower(expected=[Wanted(4, "tcp", "172.17.0.2", 8080)])
    # One of another client, before the probe came to docker-proxy.
    found.take(event("output", second, id=5), 0.0)
    found.take(event("prerouting", syn()), 0.0)
    found.take(event("input-end", syn(), iif=2), 0.0)
    found.take(event("output", second, id=6), 0.1)
    found.take(event("OUTPUT", None, "nat", id=6), 0.1)
    found.take(event("output", dataclasses.replace(second, source="172.17.0.9"), id=7, connection=5), 0.1)
    assert [(item.leg, item.source) for item in found.events] == [("proxy request", "172.17.0.1:40000")]


def test_real_traffic_that_is_waited_for() -> None:
    found = follower(identity=None, wanted=Wanted(4, "tcp", "192.0.2.1", 80))
    found.take(event("prerouting", syn("198.51.100.7", port=81)), 0.0)
    assert not found.was_seen
    found.take(event("prerouting", syn("198.51.100.7")), 0.0)
    found.take(event("PREROUTING", None, "nat"), 0.0)
    # The next connection is another packet.
    found.take(event("prerouting", syn("198.51.100.8", token=b"\x09" * 4), id=2), 0.0)
    assert [item.source for item in found.events] == ["198.51.100.7:40000"]
    assert (found.source, found.others) == ("198.51.100.7:40000", 2)


def test_events_of_legacy_tables_stand_in_their_hook() -> None:
    found = follower()
    for chain in ("prerouting", "forward", "postrouting"):
        found.take(event(chain, syn()), 0.0)
        found.take(event(chain.upper(), None, "mine"), 0.0)
    for hook, number in (("prerouting", 1), ("forward", 2), ("forward", 3), ("postrouting", 4)):
        found.take_logged(LoggedEvent(4, "filter", hook.upper(), "rule", number, hook, syn(), 2, None, None), 0.0)
    assert [(item.hook, item.backend, item.number) for item in found.events] == [
        ("prerouting", "legacy", 1),
        ("prerouting", "nft", None),
        ("forward", "legacy", 2),
        ("forward", "legacy", 3),
        ("forward", "nft", None),
        ("postrouting", "legacy", 4),
        ("postrouting", "nft", None),
    ]
    assert found.events[0].table == "legacy ip filter"


def test_only_so_many_events_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "MOST_EVENTS", 3)
    found = follower()
    found.take(event("prerouting", syn()), 0.0)
    for dummy in range(5):
        found.take(event("PREROUTING", None, "nat"), 0.0)
    assert (len(found.events), found.full) == (3, True)
