# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Numbers of CIS Docker Benchmark items, by the version of the benchmark.

A number without its version is ambiguous: items moved between versions. Sources: docker-bench-security at its tags
(1.5.0 and before), aquasecurity/docker-bench cfg/cis-1.6.0, risk-sentinel/cis-docker-baseline (1.8.0), dev-sec
cis-docker-benchmark (1.13.0). Of 1.7.0, section 2 was read in Tenable's audit index; sections 3, 5 and 7 follow from
1.6.0 and 1.8.0, which agree. 1.1.0 is the Docker Community Edition Benchmark. Of 1.3.1 only the number of ICC is known
for certain (docker-bench-security issue 480).
"""

from __future__ import annotations

VERSIONS = ("1.8.0", "1.7.0", "1.6.0", "1.5.0", "1.4.0", "1.2.0", "1.1.0", "1.13.0")
"""Those of which every item here has its number, the newest first; 1.13.0 is older than 1.1.0."""


def _item(newest: str, since_1_6: str, since_1_4: str, in_1_2: str, in_1_1: str, in_1_13: str) -> dict[str, str]:
    """The numbers of an item: 1.6.0 and 1.7.0 have the same, and so have 1.4.0 and 1.5.0."""
    numbers = (newest, since_1_6, since_1_6, since_1_4, since_1_4, in_1_2, in_1_1, in_1_13)
    return dict(zip(VERSIONS, numbers))


ICC = {**_item("2.2", "2.2", "2.2", "2.1", "2.1", "2.1"), "1.3.1": "2.2"}
"""Network traffic is restricted between containers on the default bridge."""

IPTABLES = _item("2.4", "2.4", "2.4", "2.3", "2.3", "2.3")
"""Docker is allowed to make changes to iptables."""

TLS = _item("2.8", "2.7", "2.7", "2.6", "2.6", "2.6")
"""TLS authentication for the Docker daemon is configured."""

LIVE_RESTORE = _item("2.16", "2.15", "2.15", "2.13", "2.14", "2.14")

USERLAND_PROXY = _item("2.17", "2.16", "2.16", "2.14", "2.15", "2.18")

DAEMON_JSON_OWNER_AND_MODE = _item(*["3.17, 3.18"] * 6)
"""daemon.json is owned by root:root, and its permissions are 644 or more restrictive: two items."""

CAPABILITIES = _item("5.4", "5.4", "5.3", "5.3", "5.3", "5.3")
"""Kernel capabilities are restricted within containers."""

PRIVILEGED_PORTS = _item("5.8", "5.8", "5.7", "5.7", "5.7", "5.7")

HOST_NETWORK = _item("5.10", "5.10", "5.9", "5.9", "5.9", "5.9")

BOUND_TO_INTERFACE = _item("5.14", "5.14", "5.13", "5.13", "5.13", "5.13")
"""Incoming container traffic is bound to a specific host interface."""

DEFAULT_BRIDGE = _item("5.30", "5.30", "5.29", "5.29", "5.29", "5.29")

OVERLAY_ENCRYPTED = _item("7.3", "7.3", "7.4", "7.4", "7.4", "2.19")
"""Swarm overlay networks are encrypted."""
