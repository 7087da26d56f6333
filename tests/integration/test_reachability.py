# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Predictions agree with real connections on random hosts; `make differential` makes more of them."""

from __future__ import annotations

from tests.differential.reachability_case import run_case
from tests.differential.reachability_hosts import host_case
from tests.differential.reachability_machines import prepare
from tests.differential.reachability_page import share_unknown
from tests.integration.snapshots import install_readers
from tests.lab.host import Host
from tests.lab.kinds import KINDS
from tests.lab.lab import Lab

SEED = 7
HOSTS_OF_A_KIND = 1
# One setting that leaves open what becomes of its packets can concern many of one host's questions; over many hosts it
# is less, see MOST_UNKNOWN.
MOST_UNKNOWN_OF_A_HOST = 0.1


def test_predictions_agree_with_real_connections(engine_host: Host, lab: Lab) -> None:
    prepare(lab)
    reports = []
    for place in range(HOSTS_OF_A_KIND):
        engine_host.reset()
        install_readers(engine_host)
        case = host_case(SEED, place * len(KINDS) + list(KINDS).index(engine_host.kind), engine_host.release)
        report = run_case(lab, engine_host, case)
        assert not report.void, f"{case}\n{report.void}"
        assert not report.wrong, "\n".join([str(case), *map(str, report.wrong)])
        assert not report.matrix.complaints, "\n".join([str(case), *report.matrix.complaints])
        assert report.matrix.asked
        assert case.is_changed
        assert not report.change.wrong, "\n".join([str(case), str(report.change), *report.change.wrong])
        reports.append(report)
    assert share_unknown(reports) <= MOST_UNKNOWN_OF_A_HOST, "\n".join(
        str(entry) for report in reports for entry in report.unknown
    )
