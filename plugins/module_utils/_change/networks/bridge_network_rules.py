# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What the ruleset does to the traffic of one bridge, out of the text in which it was read. Pure."""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.iptables_save import Rule, Table, parse_table
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.bridge_network_input import contains
from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import CIDR
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ruleset

_SAVES = {4: re.compile(r"iptables-(\w+-)?save"), 6: re.compile(r"ip6tables-(\w+-)?save")}
_NFT_FAMILIES = {4: "ip", 6: "ip6"}
_NFT_NAT = {"masquerade", "snat"}
# Where dockerd has the rules of its bridges: up to 28.0.0, and from 28.0.1 on.
_FORWARD = ("FORWARD", "DOCKER-FORWARD")
_SOURCE_NAT = ("MASQUERADE", "SNAT")
# What follows the target; the parser keeps it with the matches.
_NAT_ARGUMENTS = ("--to-source", "--to-ports", "--random", "--random-fully", "--persistent")


def is_managed(ruleset: Ruleset, version: int) -> bool:
    """Whether dockerd has chains of its own in the rules of that IP version, by iptables."""
    return any("DOCKER" in _table(text, "nat").chains for text in _texts(ruleset, version))


def source_nat(ruleset: Ruleset, subnet: CIDR) -> list[Rule]:
    """Rules that give packets from subnet to the outside another source address, whoever made them."""
    return [
        rule
        for text in _texts(ruleset, subnet.version)
        for rule in _table(text, "nat").of("POSTROUTING")
        if rule.target in _SOURCE_NAT
        and set(rule.matches) <= {"-s", "-o", "! -o", *_NAT_ARGUMENTS}
        and _holds(rule.matches.get("-s"), subnet)
    ]


def between_containers(ruleset: Ruleset, version: int, bridge: str) -> set[str]:
    """Verdicts of dockerd's rules for what enters and leaves by the same bridge, ``ACCEPT`` and ``DROP``.

    What the host's owner drops besides, in DOCKER-USER say, is the owner's affair.
    """
    found = [
        (rule.target, rule.matches)
        for text in _texts(ruleset, version)
        for rule in _table(text, "filter").rules
        if rule.chain in _FORWARD and rule.matches.get("-i") == bridge and set(rule.matches) <= {"-i", "-o"}
    ]
    accepted = {target for target, matches in found if target == "ACCEPT" and matches.get("-o", bridge) == bridge}
    return accepted | {target for target, matches in found if target == "DROP" and matches.get("-o") == bridge}


@dataclass(frozen=True)
class Treatment:
    """What the rules do to the packets of one network."""

    translated: list[str]
    """The rules by which its subnet gets another source address on the way out, as they are written."""
    between: set[str]
    """``ACCEPT`` and ``DROP``, for what passes between its containers."""


def iptables_treatment(ruleset: Ruleset, bridge: str, subnet: CIDR) -> Treatment:
    """What the rules that name the bridge or the subnet do, in legacy and nft tables together."""
    own = [
        rule.text
        for rule in source_nat(ruleset, subnet)
        if rule.matches.get("-s") == str(subnet) or rule.matches.get("! -o") == bridge
    ]
    return Treatment(own, between_containers(ruleset, subnet.version, bridge))


def nftables_treatment(ruleset: Ruleset, bridge: str, version: int) -> Treatment | None:
    """What the rules of dockerd's nftables backend do; None where it has no table.

    It has chains for each bridge, and comments every rule by what it is for (moby, drivers/bridge/internal/nftabler).
    """
    items = _nft_items(ruleset.nft_json or "")
    family, table = _NFT_FAMILIES[version], "docker-bridges"
    tables = [item["table"] for item in items if "table" in item]
    if not any(item.get("family") == family and item.get("name") == table for item in tables):
        return None
    rules = [
        item["rule"]
        for item in items
        if "rule" in item
        and (item["rule"].get("family"), item["rule"].get("table")) == (family, table)
        and str(item["rule"].get("chain")).endswith(f"__{bridge}")
    ]
    statements = [(rule.get("comment"), {key for part in rule.get("expr", []) for key in part}) for rule in rules]
    translated = [str(comment) for comment, words in statements if comment == "MASQUERADE" and words & _NFT_NAT]
    between = {word.upper() for comment, words in statements if comment == "ICC" for word in words & {"accept", "drop"}}
    return Treatment(translated, between)


# Every network of a list is held against the same rules, which can be many.
@lru_cache(maxsize=16)
def _table(text: str, name: str) -> Table:
    return parse_table(text, name)


@lru_cache(maxsize=2)
def _nft_items(text: str) -> list[dict[str, Any]]:
    """What `nft -j list ruleset` lists; nothing for what it did not write."""
    try:
        return list(json.loads(text)["nftables"])
    except (ValueError, KeyError, TypeError):
        return []


def _texts(ruleset: Ruleset, version: int) -> list[str]:
    return [text for name, text in ruleset.save.items() if _SAVES[version].fullmatch(name)]


def _holds(source: str | None, subnet: CIDR) -> bool:
    """Whether the match -s takes in all of subnet."""
    if source is None:
        return True
    try:
        return contains(ipaddress.ip_network(source, strict=False), subnet)
    except ValueError:
        return False
