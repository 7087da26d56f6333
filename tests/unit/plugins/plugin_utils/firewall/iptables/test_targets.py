"""What the targets of lines of iptables-save do, as the lines are printed by iptables 1.8.11."""

from __future__ import annotations

import pytest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    Nat,
    Notrack,
    SetHops,
    SetMark,
    Statement,
    Unpredictable,
    Verdict,
)

from tests.unit.plugins.plugin_utils.firewall.rulesets import filter_rules

ALL = 0xFFFFFFFF
ONE = 0x01020304


@pytest.mark.parametrize(
    ("target", "statement"),
    [
        ("-j ACCEPT", Verdict("accept")),
        ("-j DROP", Verdict("drop")),
        ("-j RETURN", Verdict("return")),
        ("-j CHAIN", Verdict("jump", "CHAIN")),
        ("-g CHAIN", Verdict("goto", "CHAIN")),
        ("-j REJECT --reject-with tcp-reset", Verdict("reject", reject_with="tcp reset")),
        ("-j REJECT --reject-with icmp-host-prohibited", Verdict("reject", reject_with="host-prohibited")),
        ("-j DNAT --to-destination 1.2.3.4:80", Nat("dnat", (ONE, ONE), (80, 80))),
        ("-j DNAT --to-destination 1.2.3.4-1.2.3.6:80-90 --random", Nat("dnat", (ONE, ONE + 2), (80, 90), True)),
        ("-j DNAT --to-destination :80", Nat("dnat", None, (80, 80))),
        ("-j SNAT --to-source 1.2.3.4 --random-fully", Nat("snat", (ONE, ONE), None, True)),
        ("-j MASQUERADE", Nat("masquerade")),
        ("-j MASQUERADE --to-ports 100-200", Nat("masquerade", None, (100, 200))),
        ("-j REDIRECT --to-ports 80", Nat("redirect", None, (80, 80))),
        ("-j NETMAP --to 1.2.3.0/24", Nat("netmap", (ONE - 4, ONE + 251))),
        ("-j MARK --set-xmark 0x5/0x7", SetMark("mark", ALL - 7, 5)),
        ("-j MARK --set-xmark 0x0/0xfffffffa", SetMark("mark", 5, 0)),
        ("-j CONNMARK --set-xmark 0x5/0xffffffff", SetMark("ct_mark", 0, 5)),
        ("-j CONNMARK --save-mark --nfmask 0xff --ctmask 0xff00", SetMark("ct_mark", 0xFF, 0, "mark", ALL - 0xFF00)),
        ("-j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff00", SetMark("mark", 0xFF00, 0, "ct_mark", ALL - 0xFF)),
        ("-j MARK --set-mark 0x5/0x7", SetMark("mark", ALL - 7, 5)),
        ("-j MARK --and-mark 0x5", SetMark("mark", 5, 0)),
        ("-j MARK --or-mark 0x5", SetMark("mark", ALL - 5, 5)),
        ("-j MARK --xor-mark 0xffffffff", SetMark("mark", ALL, ALL)),
        ("-j CONNMARK --restore-mark", SetMark("mark", ALL, 0, "ct_mark", 0)),
        ("-j CONNMARK --save-mark --mask 0xff", SetMark("ct_mark", 0xFF, 0, "mark", ALL - 0xFF)),
        ("-j REDIRECT --to-ports 65535 --random", Nat("redirect", None, (65535, 65535), True)),
        ("-j MASQUERADE --random-fully", Nat("masquerade", None, None, True)),
        ("-j DNAT --to-destination 1.2.3.4:65535", Nat("dnat", (ONE, ONE), (65535, 65535))),
        ("-j DNAT", Nat("dnat")),
        ("-j NETMAP --to 1.2.3.4", Nat("netmap", (ONE, ONE))),
        ("-j REJECT", Verdict("reject", reject_with="port-unreachable")),
        ("-j CT --notrack", Notrack()),
        ("-j NOTRACK", Notrack()),
        ("-j TTL --ttl-set 64", SetHops(64)),
        ("-j TTL --ttl-dec 1", SetHops(added=-1)),
        ("-j HL --hl-inc 5", SetHops(added=5)),
        ("-j TTL --ttl-set 255", SetHops(255)),
        ("-j TTL --ttl-inc 255", SetHops(added=255)),
        ("-j TTL --ttl-dec 255", SetHops(added=-255)),
    ],
)
def test_effects(target: str, statement: Statement) -> None:
    assert filter_rules(f"-p tcp {target}")[0].statements[-1] == statement


@pytest.mark.parametrize(
    ("target", "statement"),
    [
        ("-j DNAT --to-destination [2001:db8::1]:80", Nat("dnat", ((0x20010DB8 << 96) + 1,) * 2, (80, 80))),
        ("-j DNAT --to-destination 2001:db8::1", Nat("dnat", ((0x20010DB8 << 96) + 1,) * 2)),
        ("-j SNAT --to-source ::1-::2", Nat("snat", (1, 2))),
        ("-j SNAT --to-source [::1]-[::2]:80-90", Nat("snat", (1, 2), (80, 90))),
        ("-j SNAT --to-source [::1-::2]:80", Nat("snat", (1, 2), (80, 80))),
        ("-j DNAT --to-destination [::1]", Nat("dnat", (1, 1))),
        ("-j REJECT", Verdict("reject", reject_with="port-unreachable")),
        ("-j DNAT --to-destination :80", Nat("dnat", None, (80, 80))),
        ("-j REJECT --reject-with icmp6-adm-prohibited", Verdict("reject", reject_with="admin-prohibited")),
    ],
)
def test_effects_of_version_6(target: str, statement: Statement) -> None:
    assert filter_rules(target, family=6)[0].statements == (statement,)


@pytest.mark.parametrize(
    "target",
    [
        '-j LOG --log-prefix "-j DROP "',
        '-j NFLOG --nflog-prefix "x y" --nflog-group 5',
        "-j TCPMSS --clamp-mss-to-pmtu",
        "-j CT --helper ftp",
        "-j SET --add-set seen src --exist",
        "-j TRACE",
        "",
    ],
)
def test_what_decides_nothing(target: str) -> None:
    """Such a rule keeps its place and has no statements."""
    first, second = filter_rules(f"-p tcp -m recent --set {target}\n-j DROP")
    assert first.statements == ()
    assert second.number == 2


@pytest.mark.parametrize(
    "target",
    [
        "-j NFQUEUE --queue-num 3 --queue-bypass",
        "-j TPROXY --on-port 5 --on-ip 1.2.3.4 --tproxy-mark 0x5/0x5",
        "-j CT --zone 5",
        "-j TTL --ttl-odd 1",
        "-j TTL --ttl-set 256",
        "-j TTL --ttl-inc 256",
        "-j TTL --ttl-dec 256",
        "-j DNAT --to-destination 1.2.3.4-1.2.3.3",
        "-j QUEUE",
        "-j MARK",
        "-j CONNMARK",
        "-j CONNMARK --set-xmark 0x1/0x100000000",
        "-j CONNMARK --save-mark --right-shift-mark 8",
        "-j CONNMARK --save-mark --nfmask 0x100000000",
        "-j CONNMARK --save-mark --ctmask 0x100000000",
        "-j TTL",
        "-j SET --map-set s src",
        "-j NETMAP",
        "-j NETMAP --to 10.0.0.5/255.0.0.255",
        "-j REDIRECT --to-ports 65536",
        "-j MASQUERADE --to-ports 9-1",
        "-j DNAT --to-destination 1.2.3.4:65536",
        "-j DNAT --to-destination 1.2.3.4 --to-destination 1.2.3.5",
        "-j QUUX --x",
        "-j DNAT --to-destination 1.2.3.4:80-90/100",
        "-j DNAT --to-destination here",
        "-j REJECT --reject-with flowers",
        "-j CONNMARK --save-mark --nfmask 0xff --ctmask 0xff00 --left-shift-mark 8",
    ],
)
def test_what_cannot_be_told(target: str) -> None:
    statement = filter_rules(target)[0].statements[-1]
    assert isinstance(statement, Unpredictable)
    assert statement.why
