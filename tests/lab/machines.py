"""The lab's hosts as containers of the engine: made, started, plugged in, ready."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.lab import frozen, images, limits, orphans
from tests.lab.engine import Engine
from tests.lab.host import ENGINE_LABEL, GATE, LABEL, Host
from tests.lab.identity import Identity
from tests.lab.kinds import HostName, Subnet
from tests.lab.own_engine import OwnEngine
from tests.lab.proc import CommandError

# Set before systemd starts, so that dockerd finds a host as fresh as a real one: it does not forward yet.
FRESH_SYSCTLS = {
    "net.ipv4.ip_forward": "0",
    "net.ipv6.conf.all.forwarding": "0",
    "net.ipv6.conf.all.disable_ipv6": "0",
    "net.ipv6.conf.default.disable_ipv6": "0",
}


def ensure(
    engine: Engine,
    identity: Identity,
    name: HostName,
    subnet: Subnet,
    own: OwnEngine | None,
    say: Callable[[str], None],
) -> Host:
    """The host, running, on the LAN, its Docker active: the engine of its kind, or one of its own."""
    image = images.ensure(engine, name.kind, say)
    container = identity.thing(name.name)
    seen = engine.inspect([container]).get(container)
    older = _what_is_older(seen, image, own)
    if seen and older:
        say(f"{name.name}: made with another {older}; it is made anew")
        _discard(engine, {container: seen})
        seen = None
    if seen is None:
        say(f"{name.name}: making the host")
        create(engine, identity, name, image, own)
    if not _is_running(seen):
        limits.require_inotify()
        say(f"{name.name}: starting")
        _start(engine, container)
    host = Host(engine, identity, name, subnet)
    if host.exists(GATE):
        _look_after(host, say)
    else:
        host.boot()
    return host


def _what_is_older(seen: dict[str, Any] | None, image: str, own: OwnEngine | None) -> str:
    """What a host was made with that is not what it would be made with now; empty when it is the same."""
    if seen is None:
        return ""
    if seen["Config"]["Image"] != image:
        return "image"
    return "" if seen["Config"]["Labels"].get(ENGINE_LABEL, "") == _mark(own) else "engine"


def _mark(own: OwnEngine | None) -> str:
    return own.mark if own else ""


def of_lab(engine: Engine, identity: Identity) -> dict[str, dict[str, Any]]:
    """What the engine says about each host of the lab, by the host's name."""
    containers = engine.inspect(engine.labelled(f"{LABEL}={identity.tag}"))
    return {entry["Config"]["Labels"][f"{LABEL}.host"]: entry for entry in containers.values()}


def labs(engine: Engine) -> list[Identity]:
    """Every lab of this machine that has a host, whatever checkout it belongs to."""
    labels = [entry["Config"]["Labels"] for entry in engine.inspect(engine.labelled(LABEL)).values()]
    found = {(label.get(f"{LABEL}.name"), label.get(f"{LABEL}.state")) for label in labels}
    return [Identity(name, Path(state)) for name, state in sorted(found, key=str) if name and state]


def remove(engine: Engine, identity: Identity) -> list[str]:
    """Remove the lab's hosts with their volumes; returns their containers' names."""
    containers = engine.inspect(engine.labelled(f"{LABEL}={identity.tag}"))
    if containers:
        _discard(engine, containers)
    return sorted(containers)


def _discard(engine: Engine, containers: dict[str, dict[str, Any]]) -> None:
    for seen in containers.values():
        frozen.thaw(seen["Id"])
    engine.docker("rm", "--force", "--volumes", *containers)
    for seen in containers.values():
        orphans.clear(seen["Id"])


def _is_running(seen: dict[str, Any] | None) -> bool:
    return bool(seen and seen["State"]["Running"] and not seen["State"]["Paused"])


def create(engine: Engine, identity: Identity, name: HostName, image: str, own: OwnEngine | None = None) -> None:
    """Make the host's container, with an engine of its own if that is given; it is not started."""
    engine.docker(
        "create",
        *("--name", identity.thing(name.name), "--hostname", name.name),
        *("--label", f"{LABEL}={identity.tag}", "--label", f"{LABEL}.host={name.name}"),
        *("--label", f"{LABEL}.name={identity.name}", "--label", f"{LABEL}.state={identity.state}"),
        *("--label", f"{ENGINE_LABEL}={_mark(own)}", *(own.volumes(name.layout) if own else ())),
        *("--privileged", "--cgroupns=private", "--network=none"),
        *("--tmpfs", "/run", "--tmpfs", "/tmp", "--volume", "/var/lib/docker"),
        *(word for key, value in FRESH_SYSCTLS.items() for word in ("--sysctl", f"{key}={value}")),
        *("--log-driver=none", "--stop-signal=SIGRTMIN+3"),
        image,
        "/sbin/init",
    )
    if own:
        own.settle(engine, identity.thing(name.name))


def _start(engine: Engine, container: str) -> None:
    seen = engine.inspect([container])[container]
    if seen["State"]["Paused"]:
        engine.docker("unpause", container)
        return
    try:
        engine.docker("start", container)
    except CommandError:
        orphans.clear(seen["Id"])
        engine.docker("start", container)


def _look_after(host: Host, say: Callable[[str], None]) -> None:
    """A host that booted earlier: plugged in, its Docker active whatever a test did to it."""
    host.plug()
    if not host.answers():
        say(f"{host.name}: its Docker does not answer; the host is reset")
        host.reset()
    host.load_workload_image()
