# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""From a ruleset as it was read to one that can be evaluated. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ruleset
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.ipsets import IpSets, parse_ipsets
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.save import parse_save
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.join import join_tables, lost_chains
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.ruleset_json import NftChain, parse_nft
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    ACCEPT,
    LEGACY,
    NFT,
    Chain,
    RuleBook,
)

_SPACES = frozenset(" \t\n")
# A rule that adds to or removes from a set, as iptables-save prints it.
_CHANGED_SET = re.compile(r" -j SET (?:--add-set|--del-set) (\S+)")


def read_rulebook(raw: Ruleset) -> RuleBook:
    """All chains of a host. What was not read becomes a problem of the book.

    Raises RulesetError, which names the source and the line, for text that is no ruleset.
    """
    problems = list(raw.unread)
    sets = _sets(raw)
    saved = [
        parse_save(text, source, 6 if source.startswith("ip6") else 4, _backend(source, text), sets)
        for source, text in raw.save.items()
    ]
    chains = [chain for each in saved for chain in each.chains]
    if raw.nft_json is None:
        problems += [sentence for each in saved for sentence in each.hidden.values()]
        # iptables-nft-save shows base chains that do not exist, and does not say which.
        chains = [chain for chain in chains if chain.backend == LEGACY or not _is_idle(chain)]
    else:
        shown = parse_nft(raw.nft_json, raw.needs).chains
        chains = [*_listed(raw, shown, sets), *chains]
        problems += lost_chains(chains, shown)
        legacy = [chain for chain in chains if chain.backend == LEGACY]
        chains = legacy + join_tables({chain.key: chain for chain in chains}, shown)
    return RuleBook({chain.key: chain for chain in chains}, tuple(problems))


def _listed(raw: Ruleset, shown: Sequence[NftChain], sets: IpSets) -> Iterator[Chain]:
    """Chains of iptables-nft that were read one by one, since their table could not be shown as a whole."""
    for place, text in raw.listed.items():
        family, dummy, table = place.partition(" ")
        names = [each.chain.name for each in shown if (each.chain.family, each.chain.table) == (family, table)]
        # The lines jump to chains that are not listed themselves.
        declared = "".join(f":{name} - [0:0]\n" for name in names if not set(name) & _SPACES)
        whole = f"*{table}\n{declared}{text}COMMIT\n"
        yield from parse_save(whole, f"iptables -S of {place}", 6 if family == "ip6" else 4, NFT, sets).chains


def _is_idle(chain: Chain) -> bool:
    return bool(chain.hook) and not chain.rules and chain.policy == ACCEPT


def _sets(raw: Ruleset) -> IpSets:
    changing = {name for text in (*raw.save.values(), *raw.listed.values()) for name in _CHANGED_SET.findall(text)}
    return IpSets(parse_ipsets(raw.ipsets or ""), changing, raw.ipsets_unread)


def _backend(source: str, text: str) -> str:
    """The plain names belong to one backend or the other; the first line says which."""
    if "-nft-" in source:
        return NFT
    if "-legacy-" in source:
        return LEGACY
    return NFT if "(nf_tables)" in text.partition("\n")[0] else LEGACY
