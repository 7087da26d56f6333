# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""docker-proxy as the baseline wants it."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import LOW, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.options import DISABLED, KEEP
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import proxy_in_force
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import cis, resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined


def _judge_enabled(examined: Examined) -> list[Verdict]:
    snapshot, settings = examined.snapshot, examined.settings
    if settings.userland_proxy == KEEP:
        return [not_applicable(resources.daemon(), "Not asked for: the baseline takes docker-proxy as it is")]
    proxy = proxy_in_force(snapshot)
    evidence = {"userland proxy": proxy.evidence}
    if proxy.value is None:
        return [unknown(resources.daemon(), f"whether docker-proxy is in force could not be told: {proxy.evidence}")]
    state = "on" if proxy.value else "off"
    wanted = "off" if settings.userland_proxy == DISABLED else "on"
    if state == wanted:
        return [passed(resources.daemon(), f"docker-proxy is {state}, as the baseline wants it", evidence)]
    if proxy.value:
        impact = (
            "Each published port keeps a process, and a service sees the bridge's address instead of the client's "
            "where the proxy takes the connection: from the host itself, and from IPv6 to a container without."
        )
    else:
        impact = "What needs the proxy gets no answer: [::1] on the host, and IPv6 clients of containers without IPv6."
    remedy = Remedy(
        f"Turn docker-proxy {wanted}; this restarts dockerd, which the module does only if no container is lost by it",
        "userland_proxy",
        {"state": settings.userland_proxy},
    )
    return [
        failed(
            resources.daemon(), f"docker-proxy is {state}, and the baseline wants it {wanted}", evidence, impact, remedy
        )
    ]


CHECK = Check(
    id="proxy.enabled",
    severity=LOW,
    title="docker-proxy is as the baseline wants it",
    rationale=(
        "The kernel's own NAT reaches published ports without a process for each. CIS recommends the proxy off; before "
        "Docker Engine 29 that closes the way from one network to a port published by another."
    ),
    needs=(ENGINE,),
    judge=_judge_enabled,
    cis=cis.USERLAND_PROXY,
    mended_by=("userland_proxy",),
    of_daemon=True,
)
