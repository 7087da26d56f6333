# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write docs/checks.md from the registry of checks: ``make checks-page``. A unit test holds the page against it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import MEANINGS, Check, Parameter
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import CHECKS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import CIS_BENCHMARKS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "checks.md"

HEAD = """\
# Checks

What `docker_netcheck` looks at, made from the checks' own metadata by `make checks-page`. Each answers with one of four
outcomes: **pass**, **fail**, **unknown** (something it needs could not be read, and it says what) or **not applicable**
(there is nothing it could be about).

Numbers of the CIS Docker Benchmark stand with the versions that they are from, since items moved between versions;
1.1.0 is the Docker Community Edition Benchmark. Most checks have no CIS item: the benchmark knows neither forwarding,
hairpin, IPv6 nor address pools.

Four of its items on networks (numbers of 1.6.0 to 1.8.0) are cited by no check, since none judges them. Which ports are
needed (5.9), and whether swarm mode is (5.1), only the host's operator knows; publish.no-listener names published ports
that nothing listens on. On which interface swarm itself listens (7.2), and whether its management has a network of its
own (7.9), is not checked; what its services publish is (publish.wildcard).

Where the engine could not be asked, one finding, audit.engine, stands for all checks that were not evaluated, and
not_evaluated of the document lists them. It is not applicable without a Docker Engine and with Podman, and unknown,
with the reason, where dockerd does not run, is not reached or refuses permission; of a rootless engine it stands for
what is in its own network namespace. It is no check: no option selects it, and no waiver covers it.
"""

SEVERITIES = """\
## What a severity means

A severity says what a failure means for the host, and nothing else:

%s

The table holds every check to that: what makes a failure so, and in the rows below it for which of its findings it is
otherwise. A finding that has another severity than its check carries it. These are the severities of the catalogue; a
policy can give others, and [profiles](policy.md#profiles) do. The last columns have the item of the CIS Docker
Benchmark that the check judges, by the version of the benchmark.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD, _overview(), SEVERITIES % _meanings(), _grades()]
    for area, checks in groupby(CHECKS, key=lambda check: check.id.partition(".")[0]):
        parts.append(f"## {area}\n")
        parts += [_section(check) for check in checks]
    return "\n".join(parts)


def _overview() -> str:
    rows = [f"| {_link(check)} | {check.severity} | {check.title} | {_modules(check)} |" for check in CHECKS]
    return "\n".join(["| check | severity | passes when | remediated by |", "|---|---|---|---|", *rows, ""])


def _meanings() -> str:
    texts = {severity: " ".join(_texts_of(severity)) for severity in dict.fromkeys(item.severity for item in MEANINGS)}
    return "\n".join(["| severity | means |", "|---|---|", *(f"| {name} | {text} |" for name, text in texts.items())])


def _texts_of(severity: str) -> Iterator[str]:
    """Its meanings, joined by the word that stands between them."""
    texts = [item.text for item in MEANINGS if item.severity == severity]
    yield texts[0]
    yield from (f"or {text}" for text in texts[1:])


def _grades() -> str:
    heads = ["check", "severity", "means", "because", *(f"CIS {version}" for version in CIS_BENCHMARKS)]
    rows = [row for check in CHECKS for row in _rows(check)]
    return "\n".join([_row(heads), _row(["---"] * len(heads)).replace(" ", ""), *map(_row, rows), ""])


def _rows(check: Check) -> Iterator[list[str]]:
    for number, grade in enumerate(check.grades):
        items = [check.cis.get(version, "") for version in CIS_BENCHMARKS]
        name = _link(check) if number == 0 else ""
        yield [name, grade.severity, grade.meaning.text, grade.why, *(items if number == 0 else [""] * len(items))]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")


def _link(check: Check) -> str:
    """To its section, by the anchor that GitHub makes of a heading."""
    return f"[{check.id}](#{check.id.replace('.', '')})"


def _section(check: Check) -> str:
    lines = [
        f"### {check.id}\n",
        f"{check.title}. {check.rationale}\n",
        f"* Severity: {'; '.join(f'{grade.severity}: {grade.why}' for grade in check.grades)}",
        f"* CIS: {_cis(check.cis)}",
        f"* Remediated by: {_modules(check)}",
        f"* Reads: {', '.join(check.needs)}",
        *(f"* Parameter {_parameter(item)}" for item in check.parameters),
        "",
    ]
    return "\n".join(lines)


def _modules(check: Check) -> str:
    return ", ".join(f"`{name}`" for name in check.remediated_by) or "manual action"


def _cis(numbers: dict[str, str]) -> str:
    if not numbers:
        return "no item"
    versions: dict[str, list[str]] = {}
    for version, number in numbers.items():
        versions.setdefault(number, []).append(version)
    return "; ".join(f"{number} in {', '.join(listed)}" for number, listed in versions.items())


def _parameter(item: Parameter) -> str:
    bounds = [f"at least {item.least}"] if item.least is not None else []
    bounds += [f"at most {item.most}"] if item.most is not None else []
    extent = "".join(f", {bound}" for bound in bounds)
    return f"`{item.name}` ({item.kind}{extent}; default `{json.dumps(item.default)}`): {item.text}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"checks-page: {len(CHECKS)} checks")
