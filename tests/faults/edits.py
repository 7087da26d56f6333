"""The edits of daemon.json that are disturbed, and the workload that has to live through them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.faults.view import DAEMON_JSON, View
from tests.lab.host import Host
from tests.lab.scenario import NetworkSpec, Scenario, Workload

PORT = 8080
SHOP = Scenario(
    networks=[NetworkSpec("shop")],
    containers=[Workload("web", ["shop"], publish=[f"{PORT}:80"]), Workload("steady", restart="always")],
)


@dataclass(frozen=True)
class Goal:
    """One direction of an edit: a module call, the text that it leaves, and how to see that it is in force."""

    module: str
    arguments: Mapping[str, Any]
    text: str
    in_force: Callable[[View], bool]


@dataclass(frozen=True, eq=False)
class Edit:
    """There and back, so that a disturbed run needs no repair by the test before the next one."""

    name: str
    there: Goal
    back: Goal
    between: frozenset[str] = field(default_factory=frozenset)
    """Texts that the file may have on the way."""


RESTART = Edit(
    "restart",
    Goal(
        "userland_proxy",
        {"state": "disabled", "on_disruption": "allow"},
        '{"live-restore": true, "userland-proxy": false}\n',
        lambda view: view.proxies == 0,
    ),
    Goal("userland_proxy", {"state": "enabled"}, '{"live-restore": true}\n', lambda view: view.proxies > 0),
)
RELOAD = Edit(
    "reload",
    Goal(
        "daemon_config",
        {"config": {"debug": True}},
        '{"live-restore": true, "debug": true}\n',
        lambda view: view.debug,
    ),
    Goal("daemon_config", {"absent": ["debug"]}, '{"live-restore": true}\n', lambda view: not view.debug),
    # A reload takes no notice of a key that is gone, so its default is written out for it.
    frozenset({'{"live-restore": true, "debug": false}\n'}),
)
RELOAD_AND_RESTART = Edit(
    "live-restore brought in, restart, taken back",
    Goal(
        "daemon_config",
        {"config": {"log-level": "warn"}, "live_restore": "enabled"},
        '{"live-restore": true, "log-level": "warn"}\n',
        lambda view: view.live_restore,
    ),
    Goal(
        "daemon_config",
        {"config": {"live-restore": False}, "absent": ["log-level"]},
        '{"live-restore": false}\n',
        lambda view: not view.live_restore,
    ),
    # The restart must not find the wish that no container be kept.
    frozenset({'{"live-restore": true}\n'}),
)
EDITS = (RESTART, RELOAD, RELOAD_AND_RESTART)


def prepare(host: Host, edit: Edit) -> None:
    """Containers that run, and daemon.json as it is after edit.back, in force."""
    host.deploy(SHOP)
    host.write(DAEMON_JSON, edit.back.text)
    host.run(["systemctl", "reload", "docker.service"])
