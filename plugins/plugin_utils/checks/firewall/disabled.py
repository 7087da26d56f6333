# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether dockerd makes rules at all."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import (
    FLAG,
    KEYS,
    RuleMaking,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import MEDIUM, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    DAEMON_CONFIG,
    ENGINE,
    PROCESSES,
    RULESET,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import cis, resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.outward_networks import outward_networks
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.docker_chains import chains_of_docker

_NAMES = {4: "IPv4", 6: "IPv6"}


def _judge(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    families = [family for family in (4, 6) if outward_networks(snapshot, family)]
    if not families:
        return [not_applicable(resources.daemon(), "There is no bridge network that leads out of the host")]
    told = {family: examined.rule_making[family] for family in families}
    there = {family: len(chains_of_docker(examined.view.book, family)) for family in families}
    evidence = {KEYS[family]: item.evidence for family, item in told.items()}
    evidence.update({f"chains of dockerd for {_NAMES[family]}": str(number) for family, number in there.items()})
    off = {family: item for family, item in told.items() if item.value is False}
    if off:
        return [_off(examined, off, there, evidence)]
    # Where the file was changed since, rules that are there say enough.
    doubts = [item.evidence for family, item in told.items() if item.value is None and not there[family]]
    if doubts:
        doubts += examined.view.rule_problems
        return [unknown(resources.daemon(), "; ".join(doubts), evidence)]
    names = " and ".join(_NAMES[family] for family in families)
    return [passed(resources.daemon(), f"dockerd makes rules for {names}", evidence)]


def _off(examined: Examined, off: dict[int, RuleMaking], there: dict[int, int], evidence: dict[str, str]) -> Verdict:
    names = " and ".join(f"{_NAMES[family]} ({item.evidence})" for family, item in off.items())
    left = [_NAMES[family] for family in off if there[family]]
    old = f" Rules for {' and '.join(left)} that are there are left from before, and change no more." if left else ""
    impact = (
        "Nothing keeps networks apart or hides ports that are not published; published ports are served by "
        f"docker-proxy alone, and containers reach the outside only if somebody else masquerades.{old}"
    )
    return failed(
        resources.daemon(),
        f"dockerd makes no rules for {names}",
        evidence,
        impact,
        let_dockerd_make_rules(examined, off),
    )


def let_dockerd_make_rules(examined: Examined, off: dict[int, RuleMaking]) -> Remedy:
    """How dockerd is told to make rules for these families, 4 and 6, again."""
    keys = " and ".join(KEYS[family] for family in off)
    if any(item.by == FLAG for item in off.values()):
        return Remedy(f"A human decides: take the flag out of the unit that starts dockerd ({keys}), then restart it")
    text = (
        f"Let dockerd make rules ({keys}); it takes a restart of dockerd. From then on ports that are not published "
        "are closed, and what containers send is masqueraded"
    )
    if 6 in off:
        text += "; before Docker Engine 28, IPv6 is no longer forwarded for others than containers"
    absent = [KEYS[family] for family in off if _default(examined, family)]
    # Engines that have it off by default want "experimental" with it.
    config = {KEYS[family]: True for family in off if not _default(examined, family)}
    config.update({"experimental": True} if config else {})
    args = {**({"absent": absent} if absent else {}), **({"config": config} if config else {})}
    return Remedy(text, "daemon_config", args)


def _default(examined: Examined, family: int) -> bool:
    return family == 4 or examined.capabilities.ip6tables_by_default


DISABLED = Check(
    id="firewall.disabled",
    severity=MEDIUM,
    title="dockerd makes the rules that its networks need",
    rationale=(
        "With iptables or ip6tables off, a network has neither isolation nor masquerading, and every port of every "
        "container is open to whoever can route to it. IPv6 counts only where there is an IPv6 network."
    ),
    needs=(ENGINE, RULESET, DAEMON_CONFIG, PROCESSES),
    judge=_judge,
    cis=cis.IPTABLES,
    mended_by=("daemon_config",),
)
