# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What docker-proxy costs."""

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import INFO, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import ProxyProcess
from ansible_collections.dockernet.baseline.plugins.module_utils._model.options import DISABLED
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import PROCESSES
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.bindings import socket_name
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined


def _judge_memory(examined: Examined) -> list[Verdict]:
    snapshot, settings = examined.snapshot, examined.settings
    proxies = snapshot.proxies
    if not proxies:
        return [passed(resources.daemon(), "No docker-proxy runs", {"processes": 0})]
    measured = [proxy.pss for proxy in proxies if proxy.pss is not None]
    evidence: dict[str, Any] = {
        "processes": len(proxies),
        "PSS in bytes": sum(measured) if measured else None,
        "by process": {f"{proxy.pid}": _process(proxy) for proxy in proxies},
    }
    if len(measured) < len(proxies):
        reason = (
            f"the memory of {len(proxies) - len(measured)} of {len(proxies)} docker-proxy processes could not be read"
        )
        return [unknown(resources.daemon(), reason, evidence)]
    total = sum(measured)
    summary = (
        f"{_count(len(proxies))} of docker-proxy, {_mebibytes(total)} in all, {_mebibytes(total // len(proxies))} each"
    )
    impact = (
        "So much memory is theirs alone (PSS: what they share is divided among them; the RSS that ps shows counts "
        "it for each anew)."
    )
    if settings.userland_proxy == DISABLED:
        remedy = Remedy("Goes with the proxy, which the baseline wants off", "userland_proxy", {"state": DISABLED})
    else:
        remedy = Remedy("Nothing, unless memory is scarce: publish fewer ports, or turn docker-proxy off")
    return [failed(resources.daemon(), summary, evidence, impact, remedy)]


def _process(proxy: ProxyProcess) -> str:
    outside = socket_name(proxy.host_ip, proxy.host_port)
    inside = socket_name(proxy.container_ip, proxy.container_port)
    size = "unread" if proxy.pss is None else _mebibytes(proxy.pss)
    return f"{outside} -> {inside}/{proxy.protocol}, {size}"


def _count(number: int) -> str:
    return "1 process" if number == 1 else f"{number} processes"


def _mebibytes(size: int) -> str:
    return f"{size / 1048576:.1f} MiB"


CHECK = Check(
    id="proxy.memory",
    severity=INFO,
    title="No memory goes to docker-proxy",
    rationale="Each published port and family has its process. What it costs is less than ps makes believe.",
    needs=(PROCESSES,),
    judge=_judge_memory,
    mended_by=("userland_proxy",),
)
