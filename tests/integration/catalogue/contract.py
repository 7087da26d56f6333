# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of the area contract: what the healthy host keeps, and a container breaks that somebody adds or renames."""

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.reader import read_contract

from tests.integration.catalogue.case import Case, as_it_is
from tests.lab.host import Host
from tests.lab.scenario import Scenario, Workload

CONTRACT = read_contract(
    {
        "uncovered": {"outside": "forbid"},
        "intents": [
            {
                "name": "the site is public",
                "from": "outside",
                "to": {"container": "web", "port": 80},
                "expect": "reached",
                "why": "it is the shop",
            },
            {
                "name": "data is private",
                "from": "outside",
                "to": {"label": {"tier": "data"}},
                "expect": "blocked",
                "why": "it holds what customers told us",
                "optional": True,
            },
            {
                "name": "the site has no way to the database",
                "from": {"container": "web"},
                "to": {"container": "db"},
                "expect": "blocked",
                "why": "the interface alone asks it",
            },
        ],
    }
)
OPTIONS: dict[str, Any] = {"contract": CONTRACT}


def published(host: Host) -> None:
    data = Workload("stray", ["back"], publish=["9090:80"], labels={"tier": "data"})
    host.deploy(Scenario(containers=[data, Workload("open", ["back"], publish=["9091:80"])]))


def renamed(host: Host) -> None:
    host.docker("rename", "db", "data")


CASES: tuple[Case, ...] = (
    Case("contract.violated", published, "data is private", "contract", as_it_is, "contract", options=OPTIONS),
    Case(
        "contract.unmatched",
        renamed,
        "the site has no way to the database",
        "contract",
        as_it_is,
        "contract",
        options=OPTIONS,
    ),
    Case("contract.uncovered", as_it_is, "open:80/tcp", "contract", as_it_is, "contract", options=OPTIONS),
)
