# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Profiles: what is wanted of a host, under a name. An option of the task goes before what a profile says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._checks.check import DISABLED, KEEP
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import HIGH, MEDIUM


@dataclass(frozen=True)
class Profile:
    """Where it differs from what the checks say by themselves."""

    userland_proxy: str = KEEP
    severities: Mapping[str, str] = field(default_factory=dict)
    """By id."""
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By id and name."""


# Whoever is measured by the CIS Docker Benchmark has to answer for each of its items, so none is below medium.
_CIS_SEVERITIES = {
    "proxy.enabled": MEDIUM,
    "network.default-bridge": MEDIUM,
    "daemon.live-restore": MEDIUM,
}

# Where what one container is, or whom it is open to, decides what an intruder has got.
_STRICT_SEVERITIES = {
    "publish.wildcard": HIGH,
    "mode.host": HIGH,
}

PROFILES: Mapping[str, Profile] = {
    "default": Profile(),
    "cis": Profile(userland_proxy=DISABLED, severities=_CIS_SEVERITIES),
    "strict": Profile(userland_proxy=DISABLED, severities={**_CIS_SEVERITIES, **_STRICT_SEVERITIES}),
}
