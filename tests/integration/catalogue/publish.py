# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of the area publish."""

from __future__ import annotations

from tests.integration.catalogue.case import Case
from tests.lab.host import Host
from tests.lab.scenario import Scenario, Workload


def wide(host: Host) -> None:
    host.deploy(Scenario(containers=[Workload("wide", ["front"], publish=["8081:80"])]))


CASES: tuple[Case, ...] = (Case("publish.wildcard", wide, "wide:80/tcp", "workload"),)
