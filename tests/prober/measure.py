"""What restarts of dockerd cost on each way to a published port: this collection's beside a bare one, by turns."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.faults.runs import install, run_module
from tests.faults.view import DAEMON_JSON, settle
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.prober.paths import SHOP, Count, knocking, ways

QUIET_SECONDS = 1.0
"""Counted before and behind each restart, so that it is all in it."""
LOG_LEVELS = ("info", "warn")


@dataclass(frozen=True)
class Phase:
    """One thing that restarts dockerd. `bare`: the phase without this collection that it is compared with."""

    name: str
    act: Callable[[Host, int], None]
    bare: str = ""


def _module(host: Host, name: str, **arguments: object) -> None:
    outcome = run_module(host, name, arguments)
    assert outcome.result is not None, outcome
    assert outcome.result.get("changed"), outcome


def _bring_in(host: Host, number: int) -> None:
    level = LOG_LEVELS[number % len(LOG_LEVELS)]
    _module(host, "daemon_config", config={"log-level": level}, live_restore="enabled")


def _restart(host: Host, dummy: int) -> None:
    # Systemd allows three starts a minute.
    host.run(["systemctl", "reset-failed", "docker.service"])
    host.run(["systemctl", "restart", "docker.service"])


def _on_by_hand(host: Host, dummy: int) -> None:
    host.write(DAEMON_JSON, '{"live-restore": true}\n')
    _restart(host, dummy)


def _off_by_hand(host: Host, dummy: int) -> None:
    host.write(DAEMON_JSON, '{"live-restore": true, "userland-proxy": false}\n')
    _restart(host, dummy)


def _off(host: Host, dummy: int) -> None:
    _module(host, "userland_proxy", state="disabled", on_disruption="allow")


def _on(host: Host, dummy: int) -> None:
    _module(host, "userland_proxy", state="enabled", on_disruption="allow")


HAND_OFF = "`systemctl restart docker`, docker-proxy switched off manually"
HAND_ON = "`systemctl restart docker`, docker-proxy switched on manually"
BARE_ON = "`systemctl restart docker`, docker-proxy on"
BARE_OFF = "`systemctl restart docker`, docker-proxy off"
OFF = "`userland_proxy: disabled`"
ON = "`userland_proxy: enabled`"
WITH_PROXY_OFF = frozenset({OFF, BARE_OFF, HAND_ON, HAND_OFF, ON})
"""With docker-proxy off, engines before 29 let no container reach a port of another network: no matter of restarts."""
# In the order in which one needs the other.
PHASES = (
    Phase("`daemon_config` brings live-restore in and restarts", _bring_in, BARE_ON),
    Phase(BARE_ON, _restart),
    Phase(OFF, _off, HAND_OFF),
    Phase(BARE_OFF, _restart),
    # A start with the other mode builds its rules anew, which takes dockerd a moment more.
    Phase(HAND_ON, _on_by_hand),
    Phase(HAND_OFF, _off_by_hand),
    Phase(ON, _on, HAND_ON),
)


@dataclass(frozen=True)
class Sample:
    """One phase of one round on one way."""

    phase: str
    way: str
    count: Count

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Sample:
        """The inverse of dataclasses.asdict()."""
        return cls(plain["phase"], plain["way"], Count(**plain["count"]))


def prepare(host: Host) -> None:
    """The workload, docker-proxy on, live-restore off."""
    install(host)
    host.deploy(SHOP)


def one_round(lab: Lab, host: Host, number: int) -> list[Sample]:
    """All phases once; asserts that no container was restarted."""
    _take_live_restore_back(host)
    before = settle(host).containers
    samples: list[Sample] = []
    for phase in PHASES:
        with knocking(ways(lab, host)) as counts:
            time.sleep(QUIET_SECONDS)
            phase.act(host, number)
            view = settle(host)
            time.sleep(QUIET_SECONDS)
        assert view.containers == before, f"{host.name}: {phase.name} restarted a container"
        samples += [Sample(phase.name, way, count) for way, count in counts.items()]
    return samples


def _take_live_restore_back(host: Host) -> None:
    """A reload takes it back only when it is written out (moby daemon/reload.go)."""
    host.write(DAEMON_JSON, '{"live-restore": false}\n')
    host.run(["systemctl", "reload", "docker.service"])
    host.wait_for(lambda: not settle(host).live_restore, 120, "live-restore to be off")
    host.write(DAEMON_JSON, "{}\n")
