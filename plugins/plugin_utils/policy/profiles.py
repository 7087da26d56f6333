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

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import HIGH, INFO, MEDIUM
from ansible_collections.dockernet.baseline.plugins.module_utils._model.options import DISABLED, KEEP


@dataclass(frozen=True)
class Profile:
    """Where it differs from what the checks say by themselves."""

    userland_proxy: str = KEEP
    least_for_cis: str = INFO
    """No check that has an item in the CIS Docker Benchmark counts for less."""
    severities: Mapping[str, str] = field(default_factory=dict)
    """By id; they go before least_for_cis."""
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By id and name."""
    posture: bool = False
    """Whether a host on which nothing is broken is to be changed for it, such as by icc being switched off."""


# Where what one container is, or whom it is open to, decides what an intruder has got.
_STRICT_SEVERITIES = {
    "publish.wildcard": HIGH,
    "publish.direct-access": HIGH,
    "network.icc": HIGH,
    "network.overlay-plain": HIGH,
    "mode.host": HIGH,
    "mode.capabilities": HIGH,
    "daemon.permissions": HIGH,
}

# The benchmark wants containers without capabilities that they do not need, and takes these for examples.
_CAPABILITIES = {"mode.capabilities": {"forbidden": ["NET_ADMIN", "NET_RAW"]}}

PROFILES: Mapping[str, Profile] = {
    "default": Profile(),
    # Whoever is measured by the benchmark has to answer for each of its items.
    "cis": Profile(userland_proxy=DISABLED, least_for_cis=MEDIUM, parameters=_CAPABILITIES, posture=True),
    "strict": Profile(
        userland_proxy=DISABLED,
        least_for_cis=MEDIUM,
        severities=_STRICT_SEVERITIES,
        parameters=_CAPABILITIES,
        posture=True,
    ),
}
