"""What boot sets, by the rules of sysctl.d(5)."""

from __future__ import annotations

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    BootSysctls,
    canonical_key,
    parse_sysctl_file,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sysctls import BootValue, boot_value

FORWARD = "net.ipv4.ip_forward"
ALL = "net.ipv4.conf.all.forwarding"


def boot(*texts: str) -> BootSysctls:
    """The files in the order in which they are applied: /1, /2..."""
    return BootSysctls("systemd-sysctl", [parse_sysctl_file(text, f"/{n}") for n, text in enumerate(texts, start=1)])


def decided(key: str, *texts: str) -> tuple[str | None, str, int]:
    found = boot_value(boot(*texts), key)
    return found.value, found.path, found.line


def test_nothing_set() -> None:
    assert boot_value(boot("# nothing\n", ""), FORWARD) == BootValue(None)


def test_the_last_assignment_wins_within_and_across_files() -> None:
    assert decided(FORWARD, f"{FORWARD}=0\n{FORWARD} = 1\n") == ("1", "/1", 2)
    assert decided(FORWARD, f"{FORWARD}=1", f"\n{FORWARD}=0") == ("0", "/2", 2)


def test_ip_forward_and_all_forwarding_are_one_setting() -> None:
    assert decided(FORWARD, f"{FORWARD}=1\n{ALL}=0") == ("0", "/1", 2)
    assert decided(ALL, f"{ALL}=0\n{FORWARD}=1") == ("1", "/1", 2)


def test_a_new_value_moves_a_key_to_its_last_place() -> None:
    # systemd keeps each key once: ip_forward=1 is written after all.forwarding=0 here.
    assert decided(FORWARD, f"{FORWARD}=0\n{ALL}=0\n{FORWARD}=1") == ("1", "/1", 3)


def test_the_same_value_once_more_leaves_a_key_at_its_place() -> None:
    # And all.forwarding=0 after ip_forward=1 here.
    assert decided(FORWARD, f"{FORWARD}=1\n{ALL}=0\n{FORWARD}=1") == ("0", "/1", 2)


def test_writing_all_reaches_default_and_interfaces() -> None:
    six = "net.ipv6.conf.{}.forwarding"
    text = f"{six.format('default')}=0\n{six.format('all')}=1"
    assert decided(six.format("default"), text) == ("1", "/1", 2)
    assert decided(six.format("eth0"), text) == ("1", "/1", 2)
    assert decided(six.format("all"), f"{six.format('default')}=0") == (None, "", 0)
    assert decided("net.ipv4.conf.eth0.forwarding", f"{FORWARD}=1\nnet.ipv4.conf.eth0.forwarding=0") == ("0", "/1", 2)


def test_the_families_have_nothing_to_do_with_each_other() -> None:
    assert decided("net.ipv6.conf.all.forwarding", f"{FORWARD}=1\n{ALL}=1") == (None, "", 0)


def test_a_pattern_counts_at_its_place_unless_the_key_is_named_anywhere() -> None:
    pattern = "net.ipv4.conf.*.forwarding"
    assert decided(FORWARD, f"{FORWARD}=1\n{pattern}=0") == ("0", "/1", 2)
    assert decided(FORWARD, f"{pattern}=0\n{FORWARD}=1") == ("1", "/1", 2)
    assert decided(FORWARD, f"{ALL}=1\n{pattern}=0") == ("1", "/1", 1)
    assert decided(FORWARD, f"{pattern}=1", f"-{ALL}") == (None, "", 0)


def test_a_wildcard_stays_between_two_separators() -> None:
    assert decided(FORWARD, "net.*.forwarding=1") == (None, "", 0)
    assert decided(FORWARD, "net.ipv4.conf.[ad]ll.forwarding=1\nnet.ipv4.conf.a?l.forwarding=0") == ("0", "/1", 2)


def test_a_minus_with_a_value_only_ignores_failures() -> None:
    assert decided(FORWARD, f"-{FORWARD} = 1") == ("1", "/1", 1)


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("net.ipv4.ip_forward", "net.ipv4.ip_forward"),
        ("net/ipv4/ip_forward", "net.ipv4.ip_forward"),
        ("net/ipv4/conf/eth0.100/forwarding", "net.ipv4.conf.eth0/100.forwarding"),
        ("net.ipv4.conf.eth0/100.forwarding", "net.ipv4.conf.eth0/100.forwarding"),
        ("kernel", "kernel"),
    ],
)
def test_keys_in_both_spellings(written: str, key: str) -> None:
    assert canonical_key(written) == key


def test_interfaces_with_dots() -> None:
    text = "net/ipv4/conf/eth0.100/forwarding=0"
    assert decided("net.ipv4.conf.eth0/100.forwarding", text) == ("0", "/1", 1)
    assert decided("net/ipv4/conf/eth0.100/forwarding", text) == ("0", "/1", 1)


@pytest.mark.parametrize(
    ("written", "taken"),
    [("1", "1"), ("1 # on", "1"), ("1\t2", "1"), ("0x1", "1"), ("01", "1"), ("2", "2"), ("-1", "-1")],
)
def test_a_switch_takes_the_number_in_front(written: str, taken: str) -> None:
    assert decided(FORWARD, f"{FORWARD} = {written}") == (taken, "/1", 1)


@pytest.mark.parametrize("written", ["", "on", "1#", "08", "1."])
def test_a_switch_refuses_the_rest(written: str) -> None:
    assert decided(FORWARD, f"{ALL} = 0\n{FORWARD} = {written}") == ("0", "/1", 1)


def test_other_settings_are_left_as_they_are_written() -> None:
    assert decided("net.ipv4.ip_local_port_range", "net.ipv4.ip_local_port_range = 1024 65535") == (
        "1024 65535",
        "/1",
        1,
    )


def test_comments_empty_values_and_nonsense() -> None:
    found = parse_sysctl_file("; a=1\n# b=1\nno assignment\n = 1\nc =\n d=1=2 \n-e", "/f").assignments
    assert [(item.key, item.value, item.line) for item in found] == [("c", "", 5), ("d", "1=2", 6), ("-e", "", 7)]


def test_for_ipv4_the_same_value_once_more_does_not_reach_interfaces() -> None:
    eth0 = "net.ipv4.conf.eth0.forwarding"
    assert decided(eth0, f"{FORWARD}=1\n{eth0}=0\n{ALL}=1") == ("0", "/1", 2)
    assert decided(eth0, f"{FORWARD}=1\n{eth0}=0\n{ALL}=0\n{FORWARD}=2") == ("2", "/1", 4)
    six = "net.ipv6.conf.{}.forwarding"
    text = f"{six.format('all')}=1\n{six.format('eth0')}=0\n-{six.format('all')}=1"
    assert decided(six.format("eth0"), text)[0] == "0"
