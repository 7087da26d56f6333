"""What rules ask of family and protocol, from expressions as the kernel lists them."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import attribute
from ansible_collections.dockernet.baseline.plugins.module_utils._host.nftables import needs_of_rules
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import RuleNeed

# linux/netfilter/nf_tables.h
PROTOCOL, MARK, NFPROTO, L4PROTO = 1, 3, 15, 16
L3PROTOCOL = 7
EQUAL, NOT_EQUAL = 0, 1


def number(value: int) -> bytes:
    return value.to_bytes(4, "big")


def expression(name: str, **parts: bytes) -> bytes:
    data = b"".join(attribute(int(kind.lstrip("a")), value) for kind, value in parts.items())
    return attribute(1, attribute(1, name.encode() + b"\0") + attribute(2, data))


def load(name: str, key: int, register: int = 1) -> bytes:
    return expression(name, a1=number(register), a2=number(key))


def compare(value: bytes, op: int = EQUAL, register: int = 1) -> bytes:
    return expression("cmp", a1=number(register), a2=number(op), a3=attribute(1, value))


def set_meta(key: int) -> bytes:
    return expression("meta", a2=number(key), a3=number(1))


def needs(*expressions: bytes) -> list[tuple[str, int, int]]:
    found = needs_of_rules([("inet t", 7, b"".join(expressions))])
    assert all((need.table, need.handle) == ("inet t", 7) for need in found)
    return [(need.key, need.value, need.changes) for need in found]


def test_comparisons_of_family_and_protocol() -> None:
    assert needs(
        load("meta", NFPROTO), compare(b"\x0a"), load("meta", L4PROTO), compare(b"\x06"), expression("reject")
    ) == [("meta nfproto", 10, 0), ("meta l4proto", 6, 0)]
    assert needs(load("meta", PROTOCOL), compare(b"\x86\xdd")) == [("meta protocol", 0x86DD, 0)]
    assert needs(load("ct", L3PROTOCOL), compare(b"\x02")) == [("ct l3proto", 2, 0)]


def test_other_comparisons_say_nothing() -> None:
    assert needs(load("meta", MARK), compare(number(1))) == []
    assert needs(load("meta", NFPROTO), compare(b"\x0a", NOT_EQUAL)) == []
    assert needs(load("meta", NFPROTO), compare(b"\x0a", register=2)) == []
    assert needs(load("meta", L4PROTO), expression("bitwise", a1=number(1), a2=number(1)), compare(b"\x06")) == []
    assert needs(load("meta", L4PROTO), load("payload", 2), compare(b"\x06")) == []
    assert needs(expression("lookup"), b"") == []


def test_changes_before_a_comparison_are_counted() -> None:
    asked = load("meta", NFPROTO) + compare(b"\x02")
    other = set_meta(6) + expression("counter")
    assert needs(other, asked) == [("meta nfproto", 2, 0)]
    assert needs(set_meta(MARK), other, asked) == [("meta nfproto", 2, 1)]
    assert needs(expression("notrack"), expression("ct", a2=number(3), a4=number(1)), asked) == [("meta nfproto", 2, 2)]


def test_each_rule_has_its_own() -> None:
    asked = load("meta", L4PROTO) + compare(b"\x11")
    assert needs_of_rules([("inet t", 1, asked), ("inet t", 2, b""), ("inet u", 1, asked)]) == [
        RuleNeed("inet t", 1, "meta l4proto", 17),
        RuleNeed("inet u", 1, "meta l4proto", 17),
    ]
