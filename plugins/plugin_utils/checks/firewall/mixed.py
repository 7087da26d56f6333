# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether Docker's rules are in both backends of the kernel."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import MEDIUM, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE, RULESET
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.docker_chains import (
    NATIVE_TABLE,
    chains_of_docker,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import LEGACY, NFT

_NAMES = {NFT: "nf_tables", LEGACY: "legacy"}


def _judge(examined: Examined) -> list[Verdict]:
    host = resources.host(examined.snapshot)
    book = examined.view.book
    families: dict[str, dict[int, list[str]]] = {NFT: {}, LEGACY: {}}
    for family in (4, 6):
        for chain in chains_of_docker(book, family):
            if chain.table == NATIVE_TABLE:
                continue
            families[chain.backend].setdefault(family, []).append(f"{chain.table_name} {chain.name}")
    evidence = {
        f"chains in {_NAMES[backend]}": [text for texts in found.values() for text in texts]
        for backend, found in families.items()
    }
    both = [f"IPv{family}" for family in families[NFT] if family in families[LEGACY]]
    if both:
        return [_failed(examined, both, evidence)]
    if examined.view.rule_problems:
        return [unknown(host, "; ".join(examined.view.rule_problems), evidence)]
    if not any(families.values()):
        return [not_applicable(host, "There are no rules that dockerd made with iptables", evidence)]
    backend = " and ".join(_NAMES[backend] for backend, found in families.items() if found)
    return [passed(host, f"Docker's rules are in one backend of iptables: {backend}", evidence)]


def _failed(examined: Examined, both: list[str], evidence: dict[str, list[str]]) -> Verdict:
    names = " and ".join(both)
    return failed(
        resources.host(examined.snapshot),
        f"Docker's rules for {names} are in the tables of iptables-legacy and of iptables-nft at once",
        evidence,
        "Every packet passes both. dockerd keeps one set up to date; the other one drops and translates by what was "
        "true once, so that ports and networks fail for no reason that dockerd's own rules show.",
        Remedy(
            "A human decides which of the two is in use (update-alternatives --display iptables), flushes Docker's "
            "chains in the other (iptables-legacy -F, -X, or iptables-nft), and restarts dockerd"
        ),
    )


MIXED = Check(
    id="firewall.mixed",
    severity=MEDIUM,
    title="Docker's rules are in one backend of iptables",
    rationale=(
        "The kernel keeps two sets of tables, and the alternative that iptables stands for decides which dockerd "
        "writes to. Changed on a running host, it leaves the old rules in force beside the new ones."
    ),
    needs=(ENGINE, RULESET),
    judge=_judge,
)
