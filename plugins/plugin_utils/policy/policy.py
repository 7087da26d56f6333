# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What the caller wants of an audit: a profile, and the options of the task that go before what it says.

Read before the host is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import HIGH, INFO, MEDIUM, SEVERITIES
from ansible_collections.dockernet.baseline.plugins.module_utils._model.options import DISABLED, KEEP
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.parameters import (
    WrongValueError,
    read_parameters,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import (
    CHECKS,
    UnknownCheckError,
    matching,
    select,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.policy.waivers import Waiver, read_waivers


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
    "network.overlay-unencrypted": HIGH,
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


@dataclass(frozen=True)
class Policy:
    """Profile and options together."""

    profile: str
    userland_proxy: str
    checks: tuple[str, ...]
    exclude: tuple[str, ...]
    severities: Mapping[str, str]
    """By id, where it is not what the catalogue says."""
    parameters: Mapping[str, Mapping[str, Any]]
    """By id and name, as far as the profile or the task says something."""
    refuse_waivers_by: tuple[str, ...]
    """Keys of resources that no waiver may choose by."""
    waivers: Sequence[Waiver]

    @property
    def settings(self) -> Settings:
        """What the checks are told."""
        return Settings(self.userland_proxy, self.checks, self.exclude, self.parameters)


def read_policy(options: Mapping[str, Any]) -> Policy:
    """Return the policy that the options of docker_netcheck ask for.

    Raises WrongValueError, which names the option, the value and what is allowed.
    """
    profile = PROFILES[options["profile"]]
    checks, exclude = tuple(options["checks"]), tuple(options["exclude"])
    _hold_against_catalogue(checks, exclude)
    given = read_parameters(options["parameters"])
    return Policy(
        profile=options["profile"],
        userland_proxy=options["userland_proxy"] or profile.userland_proxy,
        checks=checks,
        exclude=exclude,
        severities=_severities(profile, options["severities"]),
        parameters={
            check: {**profile.parameters.get(check, {}), **given.get(check, {})}
            for check in dict.fromkeys((*profile.parameters, *given))
        },
        refuse_waivers_by=tuple(options["refuse_waivers_by"]),
        waivers=read_waivers(options["waivers"], options["refuse_waivers_by"]),
    )


def _hold_against_catalogue(checks: tuple[str, ...], exclude: tuple[str, ...]) -> None:
    for option, patterns in (("checks", checks), ("exclude", exclude)):
        for number, pattern in enumerate(patterns):
            _matching(pattern, f"{option}[{number}]")
    try:
        select(checks, exclude)
    except UnknownCheckError as error:
        raise WrongValueError("checks", str(error), list(checks)) from error


def _matching(pattern: str, place: str) -> list[str]:
    try:
        return [check.id for check in matching(pattern)]
    except UnknownCheckError as error:
        raise WrongValueError(place, str(error), pattern) from error


def _severities(profile: Profile, given: Mapping[str, Any]) -> dict[str, str]:
    least = SEVERITIES.index(profile.least_for_cis)
    cis = {
        check.id: profile.least_for_cis for check in CHECKS if check.cis and SEVERITIES.index(check.severity) > least
    }
    wanted = {**cis, **profile.severities, **_by_id(given)}
    return {
        check.id: wanted[check.id]
        for check in CHECKS
        if check.id in wanted and (check.max_severity or wanted[check.id] != check.severity)
    }


def _by_id(given: Mapping[str, Any]) -> dict[str, str]:
    """The severity of each check that is named: by its id before any pattern, by a longer pattern before a shorter."""
    result: dict[str, str] = {}
    for pattern, severity in sorted(given.items(), key=lambda item: _exactness(str(item[0]))):
        place = f"severities[{str(pattern)!r}]"
        if severity not in SEVERITIES:
            reason = f"{severity!r} is no severity. There are: {', '.join(SEVERITIES)}"
            raise WrongValueError(place, reason, severity)
        result.update(dict.fromkeys(_matching(pattern, place), str(severity)))
    return result


def _exactness(pattern: str) -> tuple[bool, int]:
    return any(check.id == pattern for check in CHECKS), len(pattern)
