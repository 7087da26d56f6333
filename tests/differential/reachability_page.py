"""The totals of a run, as lines and as the part of docs/reachability-differential.md between its markers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from tests.differential.reachability_case import Report
from tests.lab.identity import ROOT

PAGE = ROOT / "docs" / "reachability-differential.md"
BEGIN = "<!-- measured: begin -->"
END = "<!-- measured: end -->"
REASONS = 10
MOST_UNKNOWN = 0.02
"""What share of questions may be answered with unknown."""


def share_unknown(reports: Sequence[Report]) -> float:
    """How much of all that was asked the evaluator did not know, from 0 to 1."""
    total = sum(len(report.comparisons) for report in reports)
    return sum(len(report.unknown) for report in reports) / total if total else 1.0


def summary(reports: Sequence[Report], seed: int, seconds: float) -> list[str]:
    """The totals in lines; the last one has what counts."""
    void = sum(bool(report.void) for report in reports)
    repeated = sum(report.repeated for report in reports)
    return [
        f"observed: {', '.join(f'{word} {number}' for word, number in _seen(reports))}",
        *(f"unknown {number} times: {reason}" for reason, number in _reasons(reports)),
        *_traced(reports),
        *_contracts(reports),
        f"void hosts: {void}; attempts that agreed only when they were repeated: {repeated}; {seconds:.0f} s",
        _totals(reports, seed),
    ]


def _traced(reports: Sequence[Report]) -> list[str]:
    """What tracing the packets in the kernel came to; nothing where none was traced."""
    traces = [report.traces for report in reports if report.traces.probes]
    if not traces:
        return []
    reasons: Counter[str] = Counter()
    for one in traces:
        reasons.update(one.not_compared)
    total = sum(len(one.probes) for one in traces)
    agreeing = sum(len(one.agreeing) for one in traces)
    same = sum(one.same for one in traces)
    differing = sum(len(one.differing) for one in traces)
    again = sum(one.repeated for one in traces)
    told = (
        f"traced in the kernel: {total} packets, {agreeing} step by step as predicted ({same} rules and policies), "
        f"{differing} not; {again} agreed only when the host was read again"
    )
    return [told, *(f"not compared {number} times: {reason}" for reason, number in reasons.most_common())]


def _contracts(reports: Sequence[Report]) -> list[str]:
    """What became of intents, and of what was learned of hosts that were changed afterwards."""
    held = [report.matrix.contract for report in reports if report.matrix.contract.intents]
    intents, wrong = sum(one.intents for one in held), sum(len(one.wrong) for one in held)
    states = ", ".join(f"{sum(getattr(one, name) for one in held)} {words}" for name, words in _STATES)
    learned = [one for one in held if one.learned]
    words = (
        f"contracts: {intents} intents drawn for {len(held)} hosts: {states}, {wrong} wrong; what was learned of "
        f"{len(learned)} hosts has {sum(len(one.learned) for one in learned)} intents"
    )
    lines = [words]
    changes = [report.change for report in reports if report.change.words]
    if changes:
        total = {name: sum(getattr(one, name) for one in changes) for name in _OF_CHANGES}
        moved = sum(bool(one.new or one.lost) for one in changes)
        lines.append(
            f"one change of a host: {len(changes)} hosts, on {moved} of them with {total['new']} new connections "
            f"({total['allowed']} that the contract's words allow) and {total['lost']} lost ones ({total['gone']} of "
            f"containers that are gone, where an intent is about others as well; {total['unneeded']} that no intent "
            f"needs); {total['intents']} learned intents, {total['findings']} findings, "
            f"{sum(len(one.wrong) for one in changes)} wrong, {total['unknown']} unknown, {total['unsettled']} that "
            "machines decide which the lab does not have"
        )
    return lines if held else []


_STATES = (
    ("kept", "fulfilled"),
    ("violated", "violated"),
    ("unmatched", "that select nothing"),
    ("unknown", "unknown"),
)
_OF_CHANGES = ("new", "allowed", "lost", "gone", "unneeded", "intents", "findings", "unknown", "unsettled")


def write(reports: Sequence[Report], seed: int, seconds: float, page: Path = PAGE) -> None:
    """Replace what is between the markers of the page."""
    before, dummy, rest = page.read_text().partition(BEGIN)
    dummy, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{page} lacks the markers {BEGIN} and {END}")
    today = datetime.now(timezone.utc).date().isoformat()
    repeated = sum(report.repeated for report in reports)
    parts = [
        f"Measured on {today}, in {seconds:.0f} seconds. {_totals(reports, seed)}.",
        _table(reports),
        *("\n".join(f"* {line}" for line in lines) for lines in [[*_traced(reports), *_contracts(reports)]] if lines),
        "\n".join(f"* observed {word}: {number}" for word, number in _seen(reports)),
        f"Attempts that disagreed at first and agreed when they were repeated on a quiet host: {repeated}.",
    ]
    if _reasons(reports):
        parts.append("Why a path was unknown:")
        parts.append("\n".join(f"* {number} times: `{reason}`" for reason, number in _reasons(reports)))
    page.write_text(f"{before}{BEGIN}\n\n" + "\n\n".join(parts) + f"\n\n{END}{after}")


def _totals(reports: Sequence[Report], seed: int) -> str:
    done = [report for report in reports if report.comparisons]
    wrong = sum(len(report.wrong) for report in done)
    unknown = sum(len(report.unknown) for report in done)
    kinds = {report.case.group for report in done}
    tried = sum(report.matrix.asked for report in done)
    off = sum(len(report.matrix.complaints) for report in done)
    return (
        f"seed {seed}: {sum(len(report.comparisons) for report in done)} comparisons on {len(done)} hosts of "
        f"{len(kinds)} kinds: {wrong} disagreements, {unknown} unknown ({share_unknown(reports):.1%}); "
        f"matrices: {tried} answers tried, {off} wrong"
    )


def _seen(reports: Sequence[Report]) -> list[tuple[str, int]]:
    return Counter(entry.outcome.seen for report in reports for entry in report.comparisons).most_common()


def _reasons(reports: Sequence[Report]) -> list[tuple[str, int]]:
    unknown = [entry.path for report in reports for entry in report.unknown]
    return Counter((path.undetermined or [path.reason])[0] for path in unknown).most_common(REASONS)


def _table(reports: Sequence[Report]) -> str:
    lines = ["| kind of host | hosts | comparisons | disagreements | unknown |", "|---|---:|---:|---:|---:|"]
    for kind in sorted({report.case.group for report in reports}):
        some = [report for report in reports if report.case.group == kind and report.comparisons]
        numbers = [len(some), *(sum(len(getattr(one, name)) for one in some) for name in _COLUMNS)]
        lines.append(f"| {kind} | {' | '.join(map(str, numbers))} |")
    return "\n".join(lines)


_COLUMNS = ("comparisons", "wrong", "unknown")
