# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""docker-proxy: wanted or not, configured or in force, and what it costs."""

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._checks import cis, resources
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.bindings import socket_name
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.check import (
    DISABLED,
    KEEP,
    Check,
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import INFO, LOW, MEDIUM, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import ProxyProcess
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import (
    KEY,
    proxy_configured,
    proxy_default,
    proxy_in_force,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    DAEMON_CONFIG,
    ENGINE,
    PROCESSES,
    SERVICE,
    HostSnapshot,
)


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


def _judge_pending(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    configured, force = proxy_configured(snapshot), proxy_in_force(snapshot)
    evidence = {"in force": force.evidence, "configured": _configured_by(snapshot)}
    if force.value is None:
        reason = f"whether docker-proxy is in force could not be told: {force.evidence}"
        return [unknown(resources.daemon(), reason, evidence)]
    if configured is None:
        return [
            unknown(
                resources.daemon(),
                f"what the next start will have could not be told: {_configured_by(snapshot)}",
                evidence,
            )
        ]
    state = {True: "on", False: "off"}
    if configured == force.value:
        return [passed(resources.daemon(), f"docker-proxy is {state[configured]}, as configured", evidence)]
    summary = f"docker-proxy is configured {state[configured]} and not in force so: it is {state[force.value]}"
    impact = (
        f"The next restart of dockerd, whoever makes it, turns docker-proxy {state[configured]} and with it changes "
        "which paths to published ports work."
    )
    remedy = Remedy(
        f"Restart dockerd when it suits, or take the setting back. The module makes it {state[configured]} now, if no "
        "container is lost by it",
        "userland_proxy",
        {"state": "enabled" if configured else "disabled"},
    )
    return [failed(resources.daemon(), summary, evidence, impact, remedy)]


def _configured_by(snapshot: HostSnapshot) -> str:
    """Where the value of the next start comes from, or why there is none."""
    config = snapshot.daemon_config
    if config is None:
        return "daemon.json was not read"
    broken = next((problem for problem in config.problems if problem.accepted_from is None), None)
    if broken is not None:
        return f"{config.path}:{broken.line}:{broken.column}: {broken.message}"
    if KEY in config.values:
        place = config.positions.get(KEY)
        return f"{config.path}:{place.line if place else 0}: {KEY}: {config.values[KEY]}"
    flags = [word for word in (snapshot.service.argv if snapshot.service else []) if word.startswith(f"--{KEY}")]
    if flags:
        return f"{snapshot.service.name if snapshot.service else 'dockerd'}: {flags[-1]}"
    return f"neither {config.path} nor dockerd's flags say it, so it is {'on' if proxy_default() else 'off'}"


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


IN_FORCE = Check(
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
)

PENDING = Check(
    id="proxy.pending",
    severity=MEDIUM,
    title="docker-proxy is in force as it is configured",
    rationale="A setting that waits for a restart takes effect when nobody looks: with an upgrade, or a reboot.",
    needs=(ENGINE, DAEMON_CONFIG, SERVICE),
    judge=_judge_pending,
)

MEMORY = Check(
    id="proxy.memory",
    severity=INFO,
    title="No memory goes to docker-proxy",
    rationale="Each published port and family has its process. What it costs is less than ps makes believe.",
    needs=(PROCESSES,),
    judge=_judge_memory,
)
