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
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import Check
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.parameters import (
    read_parameters,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import (
    ALL,
    CHECKS,
    UnknownCheckError,
    matching,
    select,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.intents import Contract
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.reader import load_contract
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import AUTO, DISABLED, KEEP, WrongValueError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.policy.waivers import Waiver, read_waivers


@dataclass(frozen=True)
class Profile:
    """What is judged, and where it differs from what the checks say by themselves."""

    userland_proxy: str = KEEP
    beside_items: tuple[str, ...] = ALL
    """Patterns of the checks that are run beside those that judge an item of the CIS Docker Benchmark."""
    least_for_items: str = INFO
    """No check that judges an item counts for less."""
    severities: Mapping[str, str] = field(default_factory=dict)
    """By id; they go before least_for_items."""
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By id and name."""
    posture: bool = False
    """Whether a host on which nothing is broken is to be changed for it, such as by icc being switched off."""


# What has to hold, or else what the items ask for is not in force or breaks something: docker-proxy off takes hairpin
# and bridge netfilter, icc off takes the latter, and both a daemon.json that dockerd reads.
_BESIDE_CIS = ("bridge.netfilter", "bridge.route-localnet", "hairpin.*", "proxy.pending", "daemon.config")

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

# The benchmark wants containers without capabilities that they do not need, and takes these for examples. It knows no
# privileged port that is open to containers.
_CIS_PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    "mode.capabilities": {"forbidden": ["NET_ADMIN", "NET_RAW"]},
    "publish.privileged": {"allowed": []},
}

PROFILES: Mapping[str, Profile] = {
    "default": Profile(),
    # The benchmark asks for each of its items, and for no more.
    "cis": Profile(
        userland_proxy=DISABLED,
        beside_items=_BESIDE_CIS,
        least_for_items=MEDIUM,
        parameters=_CIS_PARAMETERS,
        posture=True,
    ),
    "strict": Profile(
        userland_proxy=DISABLED,
        least_for_items=MEDIUM,
        severities=_STRICT_SEVERITIES,
        parameters=_CIS_PARAMETERS,
        posture=True,
    ),
}


@dataclass(frozen=True)
class Policy:
    """Profile and options together."""

    profile: str
    cis_benchmark: str
    """Version of the CIS Docker Benchmark whose numbers are told."""
    userland_proxy: str
    within: tuple[str, ...]
    """Ids of the checks that the profile has."""
    checks: tuple[str, ...]
    exclude: tuple[str, ...]
    severities: Mapping[str, str]
    """By id, where it is not what the catalogue says."""
    least: Mapping[str, str]
    """By id, the least severity of its findings; what severities says goes before it."""
    parameters: Mapping[str, Mapping[str, Any]]
    """By id and name, as far as the profile or the task says something."""
    refuse_waivers_by: tuple[str, ...]
    """Keys of resources that no waiver may choose by."""
    waivers: Sequence[Waiver]
    contract: Contract | None = None
    """Who may reach what; None where nothing is said of it."""

    def settings_on(self, inventory_name: str) -> Settings:
        """Return what the checks are told on the host of that name."""
        contract = None if self.contract is None else self.contract.on(inventory_name)
        return Settings(self.userland_proxy, self.checks, self.within, self.exclude, self.parameters, contract)

    @property
    def chosen(self) -> list[Check]:
        """The checks that are run."""
        return select(self.checks, self.exclude, self.within, has_contract=self.contract is not None)

    @property
    def changed_severities(self) -> dict[str, str]:
        """By id, where the catalogue says otherwise, or gives findings of a check more than one."""
        weighed = [(check, self.severity(check.id, check.severity)) for check in CHECKS]
        return {
            check.id: severity
            for check, severity in weighed
            if severity != check.severity or (check.id in self.severities and len(check.grades) > 1)
        }

    def severity(self, check: str, own: str) -> str:
        """What a check, or a finding of it, counts for whose own severity is that."""
        least = self.least.get(check, own)
        return self.severities.get(check) or min(own, least, key=SEVERITIES.index)


def read_policy(options: Mapping[str, Any]) -> Policy:
    """Return the policy that the options of docker_netcheck ask for.

    Raises WrongValueError, which names the option, the value and what is allowed.
    """
    profile = PROFILES[options["profile"]]
    benchmark = options["cis_benchmark"]
    items = [check.id for check in CHECKS if benchmark in check.cis]
    beside = {check.id for pattern in profile.beside_items for check in matching(pattern)}
    contract = load_contract(options["contract"]) if options["contract"] else None
    # A contract is one's own, so that each profile judges by it.
    added = {check.id for check in CHECKS if check.of_contract} if contract is not None else set()
    within = tuple(check.id for check in CHECKS if check.id in beside.union(items, added))
    checks, exclude = tuple(options["checks"]), tuple(options["exclude"])
    _hold_against_catalogue(checks, exclude, within, has_contract=contract is not None)
    given = read_parameters(options["parameters"])
    wanted = options["userland_proxy"]
    return Policy(
        profile=options["profile"],
        cis_benchmark=benchmark,
        userland_proxy=profile.userland_proxy if wanted == AUTO else wanted,
        within=within,
        checks=checks,
        exclude=exclude,
        severities={**profile.severities, **_by_id(options["severities"])},
        least=dict.fromkeys(items, profile.least_for_items),
        parameters={
            check: {**profile.parameters.get(check, {}), **given.get(check, {})}
            for check in dict.fromkeys((*profile.parameters, *given))
        },
        refuse_waivers_by=tuple(options["refuse_waivers_by"]),
        waivers=read_waivers(options["waivers"], options["refuse_waivers_by"]),
        contract=contract,
    )


def _hold_against_catalogue(
    checks: tuple[str, ...], exclude: tuple[str, ...], within: tuple[str, ...], *, has_contract: bool
) -> None:
    for option, patterns in (("checks", checks), ("exclude", exclude)):
        for number, pattern in enumerate(patterns):
            _matching(pattern, f"{option}[{number}]")
    try:
        select(checks, exclude, within, has_contract=has_contract)
    except UnknownCheckError as error:
        raise WrongValueError("checks", str(error), list(checks)) from error


def _matching(pattern: str, place: str) -> list[str]:
    try:
        return [check.id for check in matching(pattern)]
    except UnknownCheckError as error:
        raise WrongValueError(place, str(error), pattern) from error


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
