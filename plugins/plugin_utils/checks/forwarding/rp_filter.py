# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether the kernel's check of sources drops what a host with several uplinks should take."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import INFO, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE, LINKS, SYSCTL
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sysctls import sysctl_key
from ansible_collections.dockernet.baseline.plugins.module_utils._model.uplinks import outer_links
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

_FOR_ALL = sysctl_key(4, "all", "rp_filter")
_STRICT = 1


def _judge(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    resource = resources.host(snapshot)
    names = [link.name for link in outer_links(snapshot, 4)]
    if len(names) < 2:
        return [not_applicable(resource, f"The host has one way out by IPv4 at most ({', '.join(names) or 'none'})")]
    keys = {name: sysctl_key(4, name, "rp_filter") for name in names}
    read = {key: snapshot.sysctls[key] for key in [_FOR_ALL, *keys.values()] if key in snapshot.sysctls}
    unread = [key for key in [_FOR_ALL, *keys.values()] if key not in read]
    if unread:
        return [unknown(resource, f"the kernel shows no {', '.join(unread)}", read)]
    strict = [name for name, key in keys.items() if max(int(read[_FOR_ALL]), int(read[key])) == _STRICT]
    if not strict:
        return [passed(resource, f"No uplink of {', '.join(names)} checks sources strictly", read)]
    return [_strict(name, names, {key: read[key] for key in (_FOR_ALL, keys[name])}) for name in strict]


def _strict(name: str, names: list[str], evidence: dict[str, str]) -> Verdict:
    others = ", ".join(other for other in names if other != name)
    summary = f"{name} takes only packets whose answer would leave by {name} (rp_filter 1), beside {others}"
    impact = (
        f"Who reaches this host through {name} while the route back to them leads through {others} gets no answer: "
        "neither from the host nor from published ports. Nothing is logged unless log_martians is on."
    )
    remedy = Remedy(
        f"A human decides. Where routes are not symmetric, set net.ipv4.conf.{name}.rp_filter to 2 (loose, RFC 3704); "
        "the larger of this and net.ipv4.conf.all.rp_filter holds"
    )
    return failed(resources.interface(name), summary, dict(evidence), impact, remedy)


RP_FILTER = Check(
    id="forwarding.rp-filter",
    severity=INFO,
    title="A host with several uplinks does not check sources strictly",
    rationale=(
        "With rp_filter 1 the kernel drops what comes in by another interface than its answer would leave by. On a "
        "host with several uplinks that is a common reason why a published port answers on one address only."
    ),
    needs=(ENGINE, LINKS, SYSCTL),
    judge=_judge,
)
