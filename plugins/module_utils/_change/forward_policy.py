# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What becomes of the FORWARD policy when the kernel forwards before dockerd does it. Pure.

dockerd closes FORWARD (policy DROP) only when it is dockerd that turns forwarding on: moby, setup_ip_forwarding.go.
For IPv6, engines before 28 close it at every start, whoever turned forwarding on.
"""

from __future__ import annotations

import re

from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_flags import parse_flags
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Engine
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE, HostSnapshot

_POLICY_ACCEPT = re.compile(r"^:FORWARD ACCEPT\b", re.MULTILINE)
_SAVES = {"ipv4": re.compile(r"iptables-\w+-save|iptables-save"), "ipv6": re.compile(r"ip6tables-.*save")}
_NAMES = {"ipv4": "IPv4", "ipv6": "IPv6"}


def policy_warnings(snapshot: HostSnapshot, opened_now: set[str], opened_at_boot: set[str]) -> list[str]:
    """Return a sentence for each family in which the host begins to route for others because of the change."""
    engine = snapshot.engine
    if engine is None:
        return _unasked(snapshot) if opened_now | opened_at_boot else []
    warnings: list[str] = []
    for family in sorted(opened_now | opened_at_boot):
        if not _dockerd_would_close(snapshot, engine, family):
            continue
        if family in opened_now and _policy_is_accept(snapshot, family):
            warnings.append(
                f"the host forwards {_NAMES[family]} as of now, and the policy of the FORWARD chain is ACCEPT: it "
                "routes between its own interfaces for anyone who uses it as a gateway. dockerd sets DROP only when "
                "it turns forwarding on itself; close FORWARD with the host's firewall if that is not wanted"
            )
        if family in opened_at_boot:
            warnings.append(
                f"from the next boot on, {_NAMES[family]} forwarding is on before dockerd {engine.version} starts, so "
                "dockerd no longer sets the policy of the FORWARD chain to DROP: the host will route between its own "
                "interfaces for anyone who uses it as a gateway, unless the host's firewall closes FORWARD"
            )
    return warnings


def _unasked(snapshot: HostSnapshot) -> list[str]:
    source = snapshot.sources.get(ENGINE)
    if source is None or source.kind == "absent":
        return []
    return [f"whether dockerd still closes the FORWARD chain at the next boot could not be told: {source.reason}"]


def _dockerd_would_close(snapshot: HostSnapshot, engine: Engine, family: str) -> bool:
    settings = _settings(snapshot)
    if (engine.firewall_driver or "iptables").startswith("nftables"):
        return False
    if settings.get("ip-forward") is False or settings.get("ip-forward-no-drop") is True:
        return False
    if family == "ipv4":
        return settings.get("iptables") is not False
    # Engines from 27 manage ip6tables unless told not to; only those from 28 look at who turned forwarding on.
    return engine.release >= (28, 0) and settings.get("ip6tables") is not False


def _settings(snapshot: HostSnapshot) -> dict[str, object]:
    """What the next start of dockerd will use: the file, and flags beside it."""
    settings: dict[str, object] = dict(snapshot.daemon_config.values) if snapshot.daemon_config else {}
    argv = snapshot.service.argv if snapshot.service and snapshot.service.argv else []
    if not argv and snapshot.daemon:
        argv = snapshot.daemon.argv
    settings.update(parse_flags(argv))
    return settings


def _policy_is_accept(snapshot: HostSnapshot, family: str) -> bool:
    saves = snapshot.ruleset.save if snapshot.ruleset else {}
    texts = [_filter_table(text) for name, text in saves.items() if _SAVES[family].fullmatch(name)]
    # With legacy and nft tables side by side a packet passes both, so one DROP closes.
    policies = [text for text in texts if ":FORWARD " in text]
    return bool(policies) and all(_POLICY_ACCEPT.search(text) for text in policies)


def _filter_table(save: str) -> str:
    found = re.search(r"^\*filter$.*?^COMMIT$", save, re.MULTILINE | re.DOTALL)
    return found.group(0) if found else ""
