"""What became of probes, beside what the evaluator says about them."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    ANSWERED,
    CONTAINER,
    DROPPED,
    HOST,
    NO_ANSWER,
    OUTSIDE,
    TIMED_OUT,
    UNKNOWN,
    UNREACHABLE,
    Origin,
    Packet,
    Path,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.bridge import Bridge, BridgeNode
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.frame_rules import Neighbours
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.path_text import listing_of

from tests.differential.rules_case import RulesCase, apply
from tests.differential.rules_lab import CLIENT, ROUTER, SERVER, RulesLab
from tests.differential.rules_probe import QUIET_SECONDS, Observation, Probe, Prober
from tests.differential.rules_servers import Sighting
from tests.differential.rules_snapshot import read_router

_OUTSIDE = {CLIENT: Origin(OUTSIDE, "cli0"), SERVER: Origin(OUTSIDE, "srv0")}


@dataclass(frozen=True)
class Comparison:
    """One probe: what it did, and what was predicted."""

    probe: Probe
    packet: Packet
    observed: Observation
    path: Path
    complaints: tuple[str, ...] = ()

    @property
    def is_unknown(self) -> bool:
        """Whether the end, or the source that whoever answers sees, could not be told."""
        return self.path.verdict == UNKNOWN or (bool(self.path.answered_by) and not self.path.translated_source)

    def __str__(self) -> str:
        head = "\n".join(f"  * {complaint}" for complaint in self.complaints)
        return f"{self.probe}\n{head}\n  observed: {self.observed}\n  predicted:\n{listing_of(self.packet, self.path)}"


@dataclass(frozen=True)
class Outcome:
    """One case as it was loaded, the router as it was read, and all comparisons."""

    case: RulesCase
    snapshot: HostSnapshot
    comparisons: list[Comparison]


class _Known(Neighbours):
    """Neighbours as the lab makes them: for ever known, whatever rules do to their discovery."""

    def obstacle_to_host(self, device: str, port: str, requester: int, target: int) -> str:
        return ""

    def obstacle_from_host(self, device: str, port: str, requester: int, target: int) -> str:
        return ""

    def stopped_as_frames(
        self, bridge: Bridge, requester: BridgeNode, target: BridgeNode, family: int, numbers: tuple[int, int]
    ) -> None:
        return None

    def obstacle_between(self, bridge: str, ports: tuple[str, str], requester: int, target: int) -> str:
        return ""


def try_case(case: RulesCase, quiet: float = QUIET_SECONDS) -> Outcome:
    """Set a lab up, send the probes, compare. Raises LabError when the rules cannot be loaded."""
    lab = RulesLab()
    prober = Prober(lab)
    try:
        loaded = apply(case, lab)
        snapshot = read_router(lab)
        observed = prober.send(loaded.probes, quiet)
    finally:
        prober.close()
        lab.close()
    view = HostView.of(snapshot)
    view.neighbours = _Known(view.traverser, view.ipsec, view.host.fib)
    return Outcome(loaded, snapshot, [_compare(view, *pair) for pair in zip(loaded.probes, observed, strict=True)])


def _compare(view: HostView, probe: Probe, observed: Observation) -> Comparison:
    packet = _packet(probe, observed.source_port)
    path = predict(view, packet)
    if path.verdict == UNKNOWN:
        return Comparison(probe, packet, observed, path)
    complaints = (
        [] if _alike(probe, path, observed.word) else [f"predicted {path.observed!r}, observed {observed.word!r}"]
    )
    if observed.sighting is None:
        if probe.protocol == "udp" and path.verdict == NO_ANSWER and path.answered_by:
            complaints.append("it should have arrived")
    elif path.verdict in (DROPPED, UNREACHABLE):
        complaints.append("it arrived")
    elif path.observed == ANSWERED == observed.word:
        complaints += _at_the_end(path, observed.sighting)
    return Comparison(probe, packet, observed, path, tuple(complaints))


def _alike(probe: Probe, path: Path, word: str) -> bool:
    # A raw socket is told that OUTPUT did not let it through, a ping socket of IPv6 only hears what a REJECT says
    # (ping_v6_sendmsg() of net/ipv6/ping.c).
    if probe.protocol == "icmp" and probe.family == 6 and probe.machine == ROUTER and path.verdict == DROPPED:
        return word != ANSWERED
    if path.observed == UNKNOWN:
        # No answer comes, and nothing is said of what the sender hears instead.
        return word != ANSWERED
    return word in (TIMED_OUT, UNREACHABLE) if path.observed == NO_ANSWER else path.observed == word


def _at_the_end(path: Path, sighting: Sighting) -> list[str]:
    """Who answered, and the source that he saw."""
    complaints = []
    if path.translated_source and path.translated_source != sighting.source:
        complaints.append(f"predicted source {path.translated_source!r}, seen {sighting.source!r}")
    who = {ROUTER: "host", CLIENT: "outside", SERVER: "outside"}.get(sighting.machine, f"container {sighting.machine}")
    if path.answered_by.partition(" (")[0] != who and not path.answered_by.startswith(f"{who} "):
        complaints.append(f"predicted an answer by {path.answered_by!r}, it came from {sighting.machine}")
    return complaints


def _packet(probe: Probe, source_port: int) -> Packet:
    origin = _OUTSIDE.get(probe.machine) or (
        Origin(HOST) if probe.machine == ROUTER else Origin(CONTAINER, probe.machine)
    )
    return Packet(
        origin,
        probe.destination,
        probe.protocol,
        probe.port,
        source=probe.source,
        source_port=None if probe.protocol == "icmp" else source_port,
    )
