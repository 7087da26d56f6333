# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What keeps dockerd from reloading its configuration."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import MEDIUM, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import proxy_in_force
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import DAEMON_CONFIG, ENGINE
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import Check, Verdict, failed, passed
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.daemon.problems import blockers_of, place_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined


def _judge_reload(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    blockers = blockers_of(snapshot)
    if not blockers:
        return [passed(resources.daemon(), "Nothing known keeps dockerd from reloading daemon.json", {})]
    text = "Remove the line: true is the default. Or set userland-proxy-path beside it"
    # Where the proxy is on, taking the line out is an edit and no more; else the line waits for a restart.
    remedy = Remedy(text, "userland_proxy", {"state": "enabled"}) if proxy_in_force(snapshot).value else Remedy(text)
    return [
        failed(
            resources.file(place_of(snapshot, problem)),
            f"{place_of(snapshot, problem)}: {problem.message}",
            {place_of(snapshot, problem): problem.key},
            "systemctl reload docker says nothing and exits 0, and nothing in daemon.json takes effect: neither "
            "live-restore nor registries. The journal alone has the error.",
            remedy,
        )
        for problem in blockers
    ]


CHECK = Check(
    id="daemon.reload-blocked",
    severity=MEDIUM,
    title="dockerd can reload its configuration",
    rationale=(
        "From Docker Engine 25 on, a userland-proxy: true that is written out makes every reload fail in silence."
    ),
    needs=(ENGINE, DAEMON_CONFIG),
    judge=_judge_reload,
    mended_by=("userland_proxy",),
    of_daemon=True,
)
