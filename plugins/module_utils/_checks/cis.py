# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Numbers of CIS Docker Benchmark items, by the version of the benchmark.

A number without its version is ambiguous: items moved between versions. Sources: docker-bench-security at its tags
(1.5.0 and before), aquasecurity/docker-bench cfg/cis-1.6.0, risk-sentinel/cis-docker-baseline (1.8.0), dev-sec
cis-docker-benchmark (1.13.0). Of 1.7.0, section 2 was read in Tenable's audit index; section 5 follows from 1.6.0 and
1.8.0, which agree. 1.1.0 is the Docker Community Edition Benchmark.
"""

from __future__ import annotations

LIVE_RESTORE = {
    "1.8.0": "2.16",
    "1.7.0": "2.15",
    "1.6.0": "2.15",
    "1.5.0": "2.15",
    "1.4.0": "2.15",
    "1.2.0": "2.13",
    "1.1.0": "2.14",
    "1.13.0": "2.14",
}

USERLAND_PROXY = {
    "1.8.0": "2.17",
    "1.7.0": "2.16",
    "1.6.0": "2.16",
    "1.5.0": "2.16",
    "1.4.0": "2.16",
    "1.2.0": "2.14",
    "1.1.0": "2.15",
    "1.13.0": "2.18",
}

HOST_NETWORK = {
    "1.8.0": "5.10",
    "1.7.0": "5.10",
    "1.6.0": "5.10",
    "1.5.0": "5.9",
    "1.4.0": "5.9",
    "1.2.0": "5.9",
    "1.1.0": "5.9",
    "1.13.0": "5.9",
}

BOUND_TO_INTERFACE = {
    "1.8.0": "5.14",
    "1.7.0": "5.14",
    "1.6.0": "5.14",
    "1.5.0": "5.13",
    "1.4.0": "5.13",
    "1.2.0": "5.13",
    "1.1.0": "5.13",
    "1.13.0": "5.13",
}

DEFAULT_BRIDGE = {
    "1.8.0": "5.30",
    "1.7.0": "5.30",
    "1.6.0": "5.30",
    "1.5.0": "5.29",
    "1.4.0": "5.29",
    "1.2.0": "5.29",
    "1.1.0": "5.29",
    "1.13.0": "5.29",
}
