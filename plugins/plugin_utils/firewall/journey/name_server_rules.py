# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The rules that dockerd makes inside a container, told from any others by how many there are."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import InnerNamespace

# The rules for the name server at 127.0.0.11 inside a container (moby, libnetwork/resolver_unix.go), chain by chain: by
# iptables-nft and by nftables. A restart of dockerd under live-restore can add all of them once more (seen on 20.10).
_NAME_SERVER = (
    {"ip nat OUTPUT": 1, "ip nat POSTROUTING": 1, "ip nat DOCKER_OUTPUT": 2, "ip nat DOCKER_POSTROUTING": 2},
    {"ip docker-dns dns-dnat": 2, "ip docker-dns dns-snat": 2},
)
# By iptables-legacy, where only a table's entries are counted: six rules, and two for each of the two chains.
_LEGACY_TABLE = "ip nat"
_LEGACY_RULES, _LEGACY_CHAINS = 6, 4
_NAME_SERVER_TABLES = ("ip nat", "ip docker-dns")


def is_for_name_server(space: InnerNamespace, table: str) -> bool:
    """Whether a table is the one that dockerd makes for its name server; older snapshots tell by the name alone."""
    chains = {name: count for name, count in space.chains.items() if f"{name} ".startswith(f"{table} ")}
    return _serves_names(chains) or (not space.chains and table in _NAME_SERVER_TABLES)


def _serves_names(chains: dict[str, int]) -> bool:
    """Whether these numbers of rules are those for dockerd's name server, or a multiple of them.

    dockerd that went from one backend of iptables to the other while the container ran has made them in both.
    """
    chains = dict(chains)
    legacy = chains.pop(_LEGACY_TABLE, None)
    if legacy is not None:
        rules = legacy - _LEGACY_CHAINS
        if rules <= 0 or rules % _LEGACY_RULES:
            return False
    return (legacy is not None and not chains) or any(_is_multiple(chains, once) for once in _NAME_SERVER)


def _is_multiple(chains: dict[str, int], once: dict[str, int]) -> bool:
    if set(chains) != set(once):
        return False
    times = min(chains[name] // count for name, count in once.items())
    return times > 0 and chains == {name: times * count for name, count in once.items()}
