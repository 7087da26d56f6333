"""Policy rules as the kernel writes them into messages, and those of the namespace of the test itself."""

from __future__ import annotations

import socket
import struct

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import attribute
from ansible_collections.dockernet.baseline.plugins.module_utils._host.routes import (
    parse_policy_rule,
    read_policy_rules,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import PolicyRule

# linux/fib_rules.h
SRC, PRIORITY, L3MDEV, SUPPRESS, TABLE, UID_RANGE, SPORT, SPORT_MASK, DSCP = 2, 6, 19, 14, 15, 20, 23, 28, 25


def message(attributes: dict[int, bytes], *, action: int = 1, flags: int = 0, tos: int = 0, length: int = 0) -> bytes:
    header = struct.pack("=BBBBBBBBI", socket.AF_INET, 0, length, tos, 254, 0, 0, action, flags)
    return header + b"".join(attribute(number, value) for number, value in attributes.items())


def number(value: int) -> bytes:
    return struct.pack("=I", value)


def test_the_rule_that_every_namespace_begins_with() -> None:
    found = read_policy_rules()
    assert found[0] == PolicyRule(0, 4, table=255)
    assert [rule.priority for rule in found if rule.family == 4] == sorted(
        rule.priority for rule in found if rule.family == 4
    )


def test_what_the_kernel_always_sends_is_no_selector() -> None:
    always = {TABLE: number(4711), SUPPRESS: number(0xFFFFFFFF), PRIORITY: number(7), L3MDEV: b"\0"}
    assert parse_policy_rule(message(always)) == PolicyRule(7, 4, table=4711)


def test_a_single_port_has_a_mask_that_says_nothing() -> None:
    ports = struct.pack("=HH", 53, 53)
    found = parse_policy_rule(message({SPORT: ports, SPORT_MASK: b"\xff\xff"}))
    assert (found.source_ports, found.other) == ([53, 53], [])
    assert parse_policy_rule(message({SPORT: ports, SPORT_MASK: b"\xf0\xff"})).other == ["sport mask"]


def test_selectors_that_there_is_no_field_for_are_named() -> None:
    found = parse_policy_rule(message({UID_RANGE: number(0) + number(5), DSCP: b"\x2e", 99: b"x"}, tos=0x10))
    assert found.other == ["tos 0x10", "uidrange", "dscp", "attribute 99"]


def test_actions() -> None:
    told = [parse_policy_rule(message({}, action=action)).action for action in (1, 2, 3, 6, 7, 8, 4)]
    assert told == ["lookup", "goto", "nop", "blackhole", "unreachable", "prohibit", "4"]
    found = parse_policy_rule(message({SRC: socket.inet_aton("10.0.0.0")}, flags=2, length=8))
    assert (found.source, found.inverted) == ("10.0.0.0/8", True)
