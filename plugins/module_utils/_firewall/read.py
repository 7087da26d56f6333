# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""From a ruleset as it was read to one that can be evaluated. Pure."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.ipset_match import IpSets
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.iptables_save import Saved, parse_save
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.rules import LEGACY, NFT, Chain, RuleBook
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ruleset


def read_rulebook(raw: Ruleset) -> RuleBook:
    """All chains of a host. What was not read becomes a problem of the book.

    Raises RulesetError, which names the source and the line, for text that is no ruleset.
    """
    chains: dict[tuple[str, str, str, str], Chain] = {}
    problems = list(raw.unread)
    for source, text in raw.save.items():
        saved = _parse(source, text, IpSets())
        problems += saved.hidden.values()
        for chain in saved.chains:
            # iptables-nft-save shows base chains that do not exist: an existing one can be told by nothing else.
            if chain.backend == LEGACY or chain.rules or chain.policy != "accept" or not chain.hook:
                chains[chain.key] = chain
    return RuleBook(chains, tuple(problems))


def _parse(source: str, text: str, sets: IpSets) -> Saved:
    backend = _backend(source, text)
    return parse_save(text, source, 6 if source.startswith("ip6") else 4, backend, sets)


def _backend(source: str, text: str) -> str:
    """The plain names belong to one backend or the other; the first line says which."""
    if "-nft-" in source:
        return NFT
    if "-legacy-" in source:
        return LEGACY
    return NFT if "(nf_tables)" in text.partition("\n")[0] else LEGACY
