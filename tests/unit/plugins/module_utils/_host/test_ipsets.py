# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's messages about sets become lines of ipset save; the differential of rules reads real ones."""

from __future__ import annotations

import socket

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import Netlink, attribute


def of_set(name: str, kind: str = "", *elements: bytes, header: bytes = b"", family: int = socket.AF_INET) -> bytes:
    """One message; without a kind, the continuation of a list of elements."""
    told = attribute(2, name.encode() + b"\0")
    if kind:
        told += attribute(3, kind.encode() + b"\0") + attribute(5, bytes([family])) + attribute(7, header)
    return bytes(4) + told + attribute(8, b"".join(attribute(7, element) for element in elements))


def ip(text: str, kind: int = 1) -> bytes:
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    return attribute(kind, attribute(2 if ":" in text else 1, socket.inet_pton(family, text)))


def byte(kind: int, value: int) -> bytes:
    return attribute(kind, bytes([value]))


def read(monkeypatch: pytest.MonkeyPatch, *messages: bytes) -> list[str]:
    monkeypatch.setattr(Netlink, "dump", lambda self, kind, body: list(messages))
    return ruleset.read_ipsets().splitlines()


def test_that_of_docker_engine_28_0_0_and_a_list_that_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "docker-ext-bridges-v4"
    first = of_set(name, "hash:net", ip("172.17.0.0") + byte(3, 16))
    second = of_set(
        name, "", ip("172.18.0.0") + byte(3, 16), ip("172.18.5.0") + byte(3, 24) + attribute(8, b"\0\0\0\4")
    )
    assert read(monkeypatch, first, second) == [
        f"create {name} hash:net family inet",
        f"add {name} 172.17.0.0/16",
        f"add {name} 172.18.0.0/16",
        f"add {name} 172.18.5.0/24 nomatch",
    ]


@pytest.mark.parametrize(
    ("kind", "element", "line"),
    [
        ("hash:ip", ip("10.0.0.1") + attribute(6, bytes(4)), "10.0.0.1"),
        ("hash:ip,port", ip("10.0.0.1") + attribute(4, b"\0\x50") + byte(7, 6), "10.0.0.1,6:80"),
        ("hash:ip,port", ip("10.0.0.1") + attribute(4, b"\x08\0") + byte(7, 1), "10.0.0.1,1:8/0"),
        (
            "hash:net,port,net",
            ip("10.0.0.0") + byte(3, 8) + attribute(4, b"\0\x35") + byte(7, 17) + ip("11.0.0.0", 20) + byte(21, 9),
            "10.0.0.0/8,17:53,11.0.0.0/9",
        ),
        ("hash:net,iface", ip("10.0.0.0") + byte(3, 8) + attribute(23, b"eth0\0"), "10.0.0.0/8,eth0"),
        (
            "hash:net,iface",
            ip("10.0.0.0") + byte(3, 8) + attribute(23, b"veth0\0") + attribute(8, b"\0\0\0\2"),
            "10.0.0.0/8,physdev:veth0",
        ),
        ("hash:ip,mark", ip("10.0.0.1") + attribute(10, b"\0\0\0\x12"), "10.0.0.1,0x00000012"),
        ("bitmap:port", attribute(4, b"\0\x50"), "80"),
        ("bitmap:ip,mac", ip("10.0.0.1") + attribute(17, b"\1\2\3\4\5\6"), "10.0.0.1,01:02:03:04:05:06"),
        ("list:set", attribute(18, b"other\0"), "other"),
    ],
)
def test_elements_of_each_type(kind: str, element: bytes, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, of_set("s", kind, element))[1:] == [f"add s {line}"]


def test_options_that_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    header = byte(20, 24) + attribute(11, b"\0\0\0\xff") + attribute(18, b"\0\0\4\0")
    made = of_set("s", "hash:ip,mark", header=header, family=socket.AF_INET6)
    assert read(monkeypatch, made) == ["create s hash:ip,mark family inet6 netmask 24 markmask 0x000000ff"]


@pytest.mark.parametrize("name", ["two\nlines", 'a"b', "\x1b[31m"])
def test_a_name_that_would_read_as_something_else_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="the name"):
        read(monkeypatch, of_set(name, "hash:ip"))


def test_a_type_that_nobody_knows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="hash:ghost"):
        read(monkeypatch, of_set("s", "hash:ghost", ip("10.0.0.1")))
