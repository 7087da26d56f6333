# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of all modules and roles that consent to something, or leave something as it is, use the same words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CONSENT = ["refuse", "allow"]
ALLOWED_BY_DEFAULT = ["prerequisites_packages"]
"""The purpose of its role, which a user takes for this alone."""
STATES = {"auto", "keep", "enabled", "disabled", "drop", "always"}
AMOUNTS = {"keep", "mask", "omit"}
"""Not of settings: how much of the labels is shown."""
OTHER_SPELLINGS = {
    "enable",
    "disable",
    "on",
    "off",
    "yes",
    "no",
    "true",
    "false",
    "as_needed",
    "leave",
    "accept",
    "deny",
}


class Option(NamedTuple):
    place: str
    name: str
    choices: list[str]
    default: Any


def options_in(place: str, options: dict[str, Any]) -> Iterator[Option]:
    for name, option in options.items():
        yield Option(place, name, [str(choice) for choice in option.get("choices", [])], option.get("default"))
        yield from options_in(f"{place}.{name}", option.get("suboptions") or option.get("options") or {})


def all_options() -> list[Option]:
    found: list[Option] = []
    for path in sorted((ROOT / "plugins/modules").glob("*.yml")):
        found += options_in(path.stem, yaml.safe_load(path.read_text())["DOCUMENTATION"].get("options") or {})
    for path in sorted((ROOT / "roles").glob("*/meta/argument_specs.yml")):
        specs = yaml.safe_load(path.read_text())["argument_specs"]
        found += options_in(f"role {path.parts[-3]}", specs["main"]["options"])
    return found


OPTIONS = all_options()
CONSENTS = [option for option in OPTIONS if set(option.choices) & set(CONSENT)]


@pytest.mark.parametrize("option", CONSENTS, ids=lambda option: f"{option.place} {option.name}")
def test_what_consents_has_two_values_and_refuses_by_default(option: Option) -> None:
    assert option.choices == CONSENT
    assert option.default == ("allow" if option.name in ALLOWED_BY_DEFAULT else "refuse")


def test_each_of_them_is_known() -> None:
    names = {option.name.removeprefix("harden_").removeprefix("networks_") for option in CONSENTS}
    assert names == {
        "accept_ra",
        "on_conflict",
        "on_disruption",
        "on_other_forwarders",
        "prerequisites_packages",
        "prerequisites_pip",
        "recreate",
    }
    assert [option for option in OPTIONS if "on_" in option.name[:10] and option.name.startswith("on_")] == [
        option for option in CONSENTS if option.name.startswith("on_")
    ]


def test_what_leaves_a_setting_as_it_is_says_so_with_one_word() -> None:
    for option in OPTIONS:
        choices = set(option.choices)
        if choices & {"keep", "auto", "enabled", "disabled"}:
            assert choices <= STATES or choices == AMOUNTS, option
        assert not choices & OTHER_SPELLINGS, option


def test_the_page_about_consent_has_every_word_and_every_option() -> None:
    page = (ROOT / "docs/policy.md").read_text().partition("\n## Consent\n")[2].partition("\n## ")[0]
    for word in ("refuse", "allow", "keep", "auto", "enabled", "disabled"):
        assert f"`{word}`" in page, word
    for option in CONSENTS:
        name = option.name.removeprefix("networks_")
        assert f"{name}`" in page or f"{name}: allow" in page or name.removeprefix("harden_") in page, option
