# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What rules read from a packet, and what they ask of the host for it."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Connection, Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.fields import (
    ABSENT,
    reader,
    set_hops,
    set_mark,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import ICMP, TCP
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    CT_STATUS_CONFIRMED,
    CT_STATUS_DNAT,
    CT_STATUS_SEEN_REPLY,
    CT_STATUS_SNAT,
    SetHops,
    SetMark,
)

from tests.unit.plugins.plugin_utils.firewall.surroundings import FixedSurroundings

SOURCE, DESTINATION = 1, 2


class Asked(NamedTuple):
    address: int
    peer: int
    device: str
    mark: int | None


class Listening(FixedSurroundings):
    """Keeps what is asked of it."""

    def fib_type(self, flight: Flight, address: int, peer: int, device: str, mark: int | None) -> str | None:
        self.asked = Asked(address, peer, device, mark)
        return "unicast"


@pytest.mark.parametrize(
    ("field", "asked"),
    [
        ("fib_saddr_type", Asked(SOURCE, DESTINATION, "", 0)),
        ("fib_daddr_type", Asked(DESTINATION, SOURCE, "", 0)),
        ("fib_daddr_type_iif", Asked(DESTINATION, SOURCE, "eth0", 0)),
        ("fib_saddr_type_oif", Asked(SOURCE, DESTINATION, "eth1", 0)),
        ("fib_saddr_type_mark", Asked(SOURCE, DESTINATION, "", 7)),
        ("fib_daddr_type_mark_iif", Asked(DESTINATION, SOURCE, "eth0", 7)),
    ],
)
def test_the_type_of_one_address_is_asked_for_with_the_other_one(field: str, asked: Asked) -> None:
    flight = Flight(4, TCP, SOURCE, 40000, DESTINATION, 80)
    flight.iif, flight.oif, flight.mark = "eth0", "eth1", 7
    around = Listening()
    assert reader(field, around)(flight) == "unicast"
    assert around.asked == asked


@pytest.mark.parametrize(
    ("protocol", "ports", "read"),
    [(TCP, (40000, 80), (40000, 80)), (TCP, (None, 80), (None, 80)), (ICMP, (None, None), (0, 0))],
)
def test_ports_of_a_connection_are_0_for_an_echo_and_may_be_unknown_for_others(
    protocol: int, ports: tuple[int | None, int | None], read: tuple[int | None, int | None]
) -> None:
    flight = Flight(4, protocol, SOURCE, ports[0], DESTINATION, ports[1])
    readers = [reader(field, FixedSurroundings()) for field in ("ct_orig_sport", "ct_orig_dport")]
    assert [one(flight) for one in readers] == [ABSENT, ABSENT]
    flight.connection = Connection(protocol, (SOURCE, ports[0], DESTINATION, ports[1]))
    assert tuple(one(flight) for one in readers) == read


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 0),
        ({"dnat": True}, CT_STATUS_DNAT),
        ({"snat": True, "dnat": True}, CT_STATUS_SNAT | CT_STATUS_DNAT),
        ({"seen_reply": True}, CT_STATUS_SEEN_REPLY | CT_STATUS_CONFIRMED),
    ],
)
def test_what_rules_read_of_a_connection(changes: dict[str, bool], status: int) -> None:
    flight = Flight(4, TCP, SOURCE, 40000, DESTINATION, 80)
    readers = [reader(f"ct_{name}", FixedSurroundings()) for name in ("status", "direction", "mark", "protocol")]
    assert [one(flight) for one in readers] == [ABSENT] * 4
    connection = flight.connection = Connection(TCP, (SOURCE, 40000, DESTINATION, 80))
    connection.mark = 5
    for name, value in changes.items():
        setattr(connection, name, value)
    assert [one(flight) for one in readers] == [status, 0, 5, TCP]
    flight.reply = True
    assert [one(flight) for one in readers] == [status | CT_STATUS_CONFIRMED, 1, 5, TCP]


@pytest.mark.parametrize(("change", "is_confirmed"), [({}, False), ({"iif": "lo"}, True), ({"state": 2}, True)])
def test_a_connection_is_confirmed_once_its_first_packet_has_left(
    change: dict[str, object], *, is_confirmed: bool
) -> None:
    flight = Flight(4, TCP, SOURCE, 40000, DESTINATION, 80)
    flight.connection = Connection(TCP, (SOURCE, 40000, DESTINATION, 80))
    for name, value in change.items():
        setattr(flight, name, value)
    assert reader("ct_status", FixedSurroundings())(flight) == (CT_STATUS_CONFIRMED if is_confirmed else 0)


@pytest.mark.parametrize(
    ("change", "of_connection", "goes_on", "marks"),
    [
        (SetMark("mark", 0, 9), 6, True, (9, 6)),
        (SetMark("mark", 0xFF, 1), 6, True, (4, 6)),
        (SetMark("mark", 0xFF, 0, "ct_mark", 0), 6, True, (6, 6)),
        (SetMark("mark", 2, 0, "ct_mark", 1), 6, True, (3, 6)),
        (SetMark("ct_mark", 0xFF, 0, "mark", 0), 6, True, (5, 5)),
        (SetMark("ct_mark", 0, 9), 6, True, (5, 9)),
        # Without a connection nothing is read from it, and nothing written to it.
        (SetMark("mark", 0xFF, 0, "ct_mark", 0), None, False, (5, None)),
        (SetMark("ct_mark", 0xFF, 1), None, False, (5, None)),
        (SetMark("ct_mark", 0, 9), None, True, (5, None)),
        (SetMark("mark", 0, 9), None, True, (9, None)),
    ],
)
def test_marks_are_set_and_copied(
    change: SetMark, of_connection: int | None, marks: tuple[int, int | None], *, goes_on: bool
) -> None:
    flight = Flight(4, TCP, SOURCE, 40000, DESTINATION, 80)
    flight.mark = 5
    if of_connection is not None:
        flight.connection = Connection(TCP, (SOURCE, 40000, DESTINATION, 80))
        flight.connection.mark = of_connection
    assert set_mark(change, flight) is goes_on
    assert (flight.mark, flight.connection.mark if flight.connection else None) == marks


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        (SetHops(9), 64, 9),
        (SetHops(9), None, 9),
        (SetHops(added=-1), 64, 63),
        (SetHops(added=-9), 5, 0),
        (SetHops(added=9), 250, 255),
        (SetHops(added=9), None, None),
    ],
)
def test_hops_stay_between_0_and_255(change: SetHops, before: int | None, after: int | None) -> None:
    flight = Flight(4, TCP, SOURCE, 40000, DESTINATION, 80)
    flight.ttl = before
    set_hops(change, flight)
    assert flight.ttl == after


def test_the_way_back_of_what_comes_in_by_the_loopback_is_that_device() -> None:
    around = FixedSurroundings(devices={SOURCE: "eth1"})
    flight = Flight(4, TCP, SOURCE, 40000, DESTINATION, 80)
    for device, back in (("lo", "lo"), ("eth0", "eth1")):
        flight.iif = device
        assert reader("saddr_route_iif", around)(flight) == back
