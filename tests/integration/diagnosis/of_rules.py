# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of rules on the host."""

from __future__ import annotations

from tests.integration.diagnosis.breaking import both, commands, neighbours_forgotten, rule, rules_changed
from tests.integration.diagnosis.fault import ANSWERED_BY_ANOTHER, NOTHING_COMES, REFUSED, Fault
from tests.integration.diagnosis.questions import BY_NAME, EGRESS, NEIGHBOUR, PUBLISHED, TO_NEIGHBOUR
from tests.integration.diagnosis.scene import APP, PORT, UNUSED

DNAT = f"-t nat PREROUTING -p tcp --dport {PORT} -m addrtype --dst-type LOCAL -j DNAT --to-destination"
RIVAL = "10.77.2.2"
"""The first container of the network other."""
FLUSHED = "for table in raw mangle nat filter; do iptables -t $table -F; iptables -t $table -X; done"
DROP_OF_A_BRIDGE = "table bridge other { chain f { type filter hook forward priority 0; policy drop; }; }"
DROP_OF_ANOTHER = "table inet other { chain f { type filter hook forward priority 10; policy drop; }; }"

FAULTS = (
    Fault("rule of FORWARD drops", "rule_drops_request", EGRESS, rule("FORWARD -i app0 -j DROP")),
    Fault(
        "policy of FORWARD drops since its rules are gone",
        "policy_drops_request",
        EGRESS,
        rules_changed("iptables -F FORWARD"),
        also=("rules_flushed",),
        long=True,
        of_iptables=True,
    ),
    Fault(
        "another table's policy drops",
        "policy_drops_request",
        PUBLISHED,
        commands(f"nft '{DROP_OF_ANOTHER}'", "nft delete table inet other"),
        long=True,
    ),
    Fault(
        "rule of raw drops",
        "rule_drops_request",
        PUBLISHED,
        rule(f"-t raw PREROUTING -p tcp --dport {PORT} -j DROP"),
        long=True,
    ),
    Fault(
        "masquerading of the network is gone",
        "masquerade_missing",
        EGRESS,
        rules_changed(f"iptables -t nat -D POSTROUTING -s {APP.subnet} ! -o app0 -j MASQUERADE"),
        of_iptables=True,
    ),
    Fault(
        "rules flushed",
        "rules_flushed",
        EGRESS,
        rules_changed(FLUSHED),
        also=("masquerade_missing", "policy_drops_request"),
        everywhere=True,
        of_iptables=True,
    ),
    Fault(
        "DOCKER-USER drops the way there",
        "docker_user_drops_request",
        PUBLISHED,
        rule("DOCKER-USER -i eth0 -p tcp -m conntrack --ctorigdstport 8080 --ctdir ORIGINAL -j DROP"),
        of_iptables=True,
        long=True,
    ),
    Fault(
        "DOCKER-USER drops the way back",
        "docker_user_drops_reply",
        EGRESS,
        rule("DOCKER-USER -i eth0 -o app0 -s 203.0.113.0/24 -j DROP"),
        of_iptables=True,
    ),
    Fault(
        "DOCKER-USER rejects",
        "docker_user_drops_request",
        EGRESS,
        rule("DOCKER-USER -i app0 -j REJECT"),
        seen=(REFUSED,),
        long=True,
        of_iptables=True,
    ),
    Fault(
        "port translated to an address that is gone",
        "dnat_to_dead_address",
        PUBLISHED,
        both(rule(f"{DNAT} {UNUSED}:80"), rule(f"FORWARD -d {UNUSED} -j ACCEPT")),
        seen=NOTHING_COMES,
    ),
    Fault(
        "port translated to another container",
        "wrong_service",
        PUBLISHED,
        both(rule(f"{DNAT} {RIVAL}:80"), rule(f"FORWARD -d {RIVAL} -j ACCEPT")),
        seen=(ANSWERED_BY_ANOTHER,),
        also=("dnat_to_wrong_container",),
        long=True,
    ),
    Fault(
        "INPUT drops what is for docker-proxy",
        "input_drops_proxy",
        TO_NEIGHBOUR,
        rule(f"INPUT -p tcp --dport {PORT} -j DROP"),
    ),
    Fault(
        "OUTPUT drops what docker-proxy sends",
        "rule_drops_request",
        TO_NEIGHBOUR,
        rule("OUTPUT -o app0 -p tcp --dport 80 -j DROP"),
        long=True,
    ),
    Fault(
        "rule drops between neighbours",
        "rule_drops_request",
        NEIGHBOUR,
        rule("FORWARD -i app0 -o app0 -j DROP"),
        long=True,
    ),
    Fault(
        "rule of raw takes the network out of connection tracking",
        "tracking_off",
        EGRESS,
        rule("-t raw PREROUTING -i app0 -j CT --notrack"),
        long=True,
    ),
    Fault(
        "a bridge table drops all that is switched",
        "bridge_rule_drops",
        NEIGHBOUR,
        both(commands(f"nft '{DROP_OF_A_BRIDGE}'", "nft delete table bridge other"), neighbours_forgotten),
        seen=NOTHING_COMES,
        long=True,
    ),
    Fault(
        "rule of FORWARD drops questions for names",
        "rule_drops_request",
        BY_NAME,
        rule("FORWARD -i app0 -p udp --dport 53 -j DROP"),
        long=True,
    ),
)
