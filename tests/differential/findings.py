"""Breaks hosts in ways of which no check was written, and holds what the audit says against real packets.

    python -m tests.differential.findings [--only WORD]

Needs a lab; its hosts share the breaks among them. Each break is told with every connection that it ended and no
finding names ("silent"), every failed finding about a connection that works all the same ("false"), and every packet
whose fate the evaluator foretells wrongly ("wrong"). Exits with 1 when there was any.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import FAIL, UNKNOWN, Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import UNKNOWN as UNTOLD
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks

from tests.differential.findings_breaks import BREAKS
from tests.differential.findings_probes import APART, BETWEEN, EGRESS, PUBLISHED, Probe, build, outcomes, probes
from tests.differential.findings_state import State
from tests.integration.snapshots import install_readers, read_host
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.proc import LabError

# Checks that say of single connections that they do not work, or work though they must not, by the kind of probe.
OF_CONNECTIONS = {
    "firewall.egress": EGRESS,
    "firewall.publish": PUBLISHED,
    "firewall.isolation": APART,
    "network.connectivity": BETWEEN,
}
ANSWERED = "answered"


@dataclass
class Case:
    """One break on one kind of host, and what was wrong about the audit."""

    name: str
    kind: str
    broken: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    void: str = ""

    def __str__(self) -> str:
        lines = [f"{self.kind}: {self.name}" + (f" COULD NOT BE DONE: {self.void}" if self.void else "")]
        for word in ("broken", "findings", "silent", "false", "wrong"):
            lines += [f"  {word}: {text}" for text in getattr(self, word)]
        return "\n".join(lines)


def judged(snapshot: HostSnapshot) -> tuple[AuditContext, list[Finding]]:
    context = AuditContext(snapshot, Settings())
    return context, [item for item in run_checks(context) if item.outcome in (FAIL, UNKNOWN)]


class Patient:
    """A host that is broken time and again, and healthy in between."""

    def __init__(self, host: Host, lab: Lab) -> None:
        self.host = host
        self.lab = lab
        self._state: State | None = None
        self.probes: list[Probe] = []
        self.usual: set[tuple[str, str, str]] = set()

    def heal(self) -> None:
        """Put back what is put back quickly; make the host anew where that is not enough."""
        if self._state is not None:
            self._state.restore(self.host)
            if not self._ails():
                return
        self.host.reset()
        build(self.host)
        install_readers(self.host)
        self.probes = probes(self.host, self.lab)
        self.usual = {_key(item) for item in judged(read_host(self.host))[1]}
        self._state = State(self.host)
        ailing = self._ails()
        if ailing:
            self._state = None
            raise LabError(f"the healthy host is not: {ailing}")

    def _ails(self) -> list[str]:
        seen = self.outcomes()
        odd = [str(probe) for probe in self.probes if (seen[probe] == ANSWERED) != probe.works]
        new = {_key(item) for item in judged(read_host(self.host))[1]} ^ self.usual
        return odd + [" ".join(key) for key in new]

    def outcomes(self) -> dict[Probe, str]:
        """What becomes of each connection now."""
        return outcomes(self.host, self.lab, self.probes)


def compare(name: str, patient: Patient) -> Case:
    """Break a host, and compare."""
    host = patient.host
    case = Case(name, host.kind)
    patient.heal()
    wanted = patient.probes
    BREAKS[name](host)
    seen = patient.outcomes()
    context, found = judged(read_host(host))
    new = [item for item in found if _key(item) not in patient.usual]
    case.findings = [f"{item.check} {item.outcome} {item.resource.name}: {item.summary}" for item in new]
    broken = [probe for probe in wanted if (seen[probe] == ANSWERED) != probe.works]
    case.broken = [f"{probe}: {seen[probe]}" for probe in broken]
    case.silent = [f"{probe}: {seen[probe]}" for probe in broken if not any(_names(item, probe) for item in new)]
    case.false = [text for item in new for text in [_unconfirmed(item, broken)] if text]
    for probe in wanted:
        path = context.path(probe.packet)
        # Who has a container's address out there is nobody's knowledge.
        known = path.answered_by != "outside" or probe.kind == EGRESS
        if known and path.verdict != UNTOLD and (path.observed == ANSWERED) != (seen[probe] == ANSWERED):
            case.wrong.append(f"{probe}: really {seen[probe]}, foretold {path.verdict}, {path.observed}: {path.reason}")
    return case


def _key(item: Finding) -> tuple[str, str, str]:
    return item.check, item.outcome, item.resource.name


def _names(item: Finding, probe: Probe) -> bool:
    """Whether a finding names what a probe is about, or is about the whole host."""
    if OF_CONNECTIONS.get(item.check, probe.kind) != probe.kind:
        return False
    text = json.dumps(to_plain(item))
    return item.resource.kind == "host" or any(subject in text for subject in probe.subjects)


def _unconfirmed(item: Finding, broken: Sequence[Probe]) -> str:
    """A failed finding about connections, none of which is broken."""
    kind = OF_CONNECTIONS.get(item.check)
    if kind is None or item.outcome != FAIL:
        return ""
    if any(probe.kind == kind and _names(item, probe) for probe in broken):
        return ""
    return f"{item.check} {item.resource.name}: {item.summary}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="breaks whose name holds this")
    options = parser.parse_args(argv)
    lab = Lab.open()
    names = [name for name in BREAKS if options.only in name]
    began = time.monotonic()

    def run(host: Host) -> list[Case]:
        patient, cases = Patient(host, lab), []
        for name in names:
            try:
                case = compare(name, patient)
            except LabError as error:
                case = Case(name, host.kind, void=str(error))
            print(case, flush=True)
            cases.append(case)
        return cases

    hosts = [lab.host(name) for name in lab.hosts]
    with ThreadPoolExecutor(len(hosts)) as pool:
        cases = [case for some in pool.map(run, hosts) for case in some]
    faulty = [case for case in cases if case.silent or case.false or case.wrong]
    void = sum(bool(case.void) for case in cases)
    seconds = time.monotonic() - began
    print(f"{len(names)} breaks on {len(hosts)} hosts in {seconds:.0f} s: {len(faulty)} told wrongly, {void} not done")
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main())
