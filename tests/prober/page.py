"""The table of docs/restart-without-loss.md, between its markers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.lab.identity import ROOT
from tests.prober.judge import Comparison, compare, losses
from tests.prober.knock import ANSWERED, REFUSED, RESET, TIMED_OUT
from tests.prober.measure import PHASES, WITH_PROXY_OFF, Sample
from tests.prober.paths import STRANGER

PAGE = ROOT / "docs" / "restart-without-loss.md"
BEGIN = "<!-- measured: begin -->"
END = "<!-- measured: end -->"
OUTCOMES = (ANSWERED, REFUSED, TIMED_OUT, RESET)


def write(measured: Mapping[str, Sequence[Sample]], date: str, page: Path = PAGE) -> None:
    """Replace what is between the markers. measured: samples by the version of the engine, all of the same day."""
    before, dummy, rest = page.read_text().partition(BEGIN)
    dummy, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{page} lacks the markers {BEGIN} and {END}")
    sections = [f"Measured on {date}.", *(_section(version, measured[version]) for version in sorted(measured))]
    page.write_text(f"{before}{BEGIN}\n\n" + "\n\n".join(sections) + f"\n\n{END}{after}")


def _section(version: str, samples: Sequence[Sample]) -> str:
    restarts = max(len(losses(samples, sample.phase, sample.way)) for sample in samples)
    late = sum(sample.count.late for sample in samples)
    sent = sum(sample.count.sent for sample in samples)
    lines = [
        f"### Docker Engine {version}",
        "",
        f"{restarts} restarts of each kind, {sent} connections in all; {late} of them were begun more than 0.1 s late.",
        "",
        f"| what restarts dockerd | connections from | {' | '.join(OUTCOMES)} | lost a restart |",
        "|---|---|" + "---:|" * (len(OUTCOMES) + 1),
    ]
    for phase in PHASES:
        lines += [_row(samples, phase.name, way) for way in dict.fromkeys(sample.way for sample in samples)]
    worst = [_verdict(item) for item in compare(samples)]
    return "\n".join([*lines, "", *worst])


def _row(samples: Sequence[Sample], phase: str, way: str) -> str:
    total: Counter[str] = Counter()
    for sample in samples:
        if (sample.phase, sample.way) == (phase, way):
            total.update(sample.count.outcomes)
    lost = losses(samples, phase, way)
    mean = "no way while it is off" if way == STRANGER and phase in WITH_PROXY_OFF else f"{sum(lost) / len(lost):.1f}"
    return f"| {phase} | {way} | {' | '.join(str(total[outcome]) for outcome in OUTCOMES)} | {mean} |"


def _verdict(item: Comparison) -> str:
    word = "MORE than" if item.worse else "no more than"
    return (
        f"* {item.phase}, {item.way}: {item.ours:.1f}, {word} the bare restart's {item.bare:.1f} "
        f"(significant from {item.noise:.1f} on)"
    )
