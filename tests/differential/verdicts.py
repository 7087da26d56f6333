"""What this collection and what a real dockerd say to a daemon.json, and whether they agree."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import ConfigProblem, parse
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_keys import problems_in
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_flags import parse_flags

from tests.differential.stricter_rules import LEFT_TO_DOCKERD, STRICTER_RULES
from tests.lab.host import Host

PROGRAM = Path(__file__).with_name("validate_batch.py")
# The command line of the unit of Debian's package.
UNIT = ("/usr/sbin/dockerd", "-H", "fd://", "--containerd=/run/containerd/containerd.sock")
# Without flags, all of the file counts.
BARE = ("/usr/sbin/dockerd",)
PATH = "/etc/docker/daemon.json"
# Seconds for one question; a busy machine needs a tenth of one.
LIMIT_EACH = 30.0


@dataclass(frozen=True)
class Answer:
    """What dockerd --validate said."""

    accepted: bool
    words: str


@dataclass(frozen=True)
class Disagreement:
    """A file that both judge differently."""

    engine: str
    raw: bytes
    command: Sequence[str]
    ours: list[ConfigProblem]
    answer: Answer

    @property
    def group(self) -> str:
        """What it is about, so that a hundred files with one cause are told once."""
        if self.answer.accepted:
            return "refused by us alone: " + " | ".join(sorted({problem.message[:40] for problem in self.ours}))
        words = re.sub(r".*dockernet-validate-[^/]*/[0-9]+:|['\"(:=].*?(?=[ ),;:]|$)|[0-9]+", "", self.answer.words)
        return f"refused by dockerd alone: {words[:110]}"

    def __str__(self) -> str:
        ours = "; ".join(f"{problem.line}:{problem.column}: {problem.message}" for problem in self.ours) or "sound"
        theirs = "accepted" if self.answer.accepted else f"refused: {self.answer.words}"
        asked = f"[{self.engine}, {' '.join(self.command)}] {self.raw[:1500]!r}"
        return f"{asked}\n    we say:       {ours}\n    dockerd says: {theirs}"


def our_verdict(raw: bytes, release: tuple[int, int], command: Sequence[str]) -> list[ConfigProblem]:
    """What keeps an engine of that release from starting with the file, if this collection is right."""
    parsed = parse(raw, PATH)
    problems = parsed.problems + problems_in(parsed.values, parsed.positions, parse_flags(list(command)), release)
    return [problem for problem in problems if problem.accepted_from is None or problem.accepted_from > release[0]]


def ask(host: Host, files: Sequence[bytes], command: Sequence[str]) -> list[Answer]:
    """The answers of the host's dockerd to the files, in their order."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for number, raw in enumerate(files):
            entry = tarfile.TarInfo(f"{number:06d}")
            entry.size = len(raw)
            archive.addfile(entry, io.BytesIO(raw))
    argv = ["nice", "python3", "-c", PROGRAM.read_text(), *command]
    out = host.run(argv, stdin=packed.getvalue(), timeout=60 + LIMIT_EACH * len(files)).out
    answers = [json.loads(line) for line in out.splitlines()]
    if [answer["name"] for answer in answers] != [f"{number:06d}" for number in range(len(files))]:
        raise AssertionError(f"{host.name} did not answer for every file")
    return [Answer(answer["rc"] == 0, answer["words"]) for answer in answers]


def left_to_dockerd(answer: Answer) -> bool:
    """Whether dockerd refuses for something that lies beside the file, or that the values do not show."""
    return any(re.search(pattern, answer.words) for pattern in LEFT_TO_DOCKERD.values())


def judge(engine: str, raw: bytes, command: Sequence[str], answer: Answer) -> tuple[str, Disagreement | None]:
    """What the two verdicts on a file come to, in words, and the disagreement if they differ."""
    ours = our_verdict(raw, release_of(engine), command)
    if answer.accepted != bool(ours):
        return ("refused by both" if ours else "accepted by both"), None
    if answer.accepted and all(rule_of(problem) for problem in ours):
        return "refused by a stricter rule", None
    if not answer.accepted and left_to_dockerd(answer):
        return "refused by dockerd, for what lies beside the file", None
    return "disagreements", Disagreement(engine, raw, command, ours, answer)


def rule_of(problem: ConfigProblem) -> str | None:
    """The stricter rule that a problem belongs to."""
    return next((name for name, rule in STRICTER_RULES.items() if rule.covers(problem.message)), None)


def release_of(version: str) -> tuple[int, int]:
    """Major and minor number."""
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def groups(found: Sequence[Disagreement]) -> Mapping[str, list[Disagreement]]:
    """Disagreements by their cause, the shortest file of each first."""
    by_cause: dict[str, list[Disagreement]] = {}
    for item in sorted(found, key=lambda item: len(item.raw)):
        by_cause.setdefault(f"[{item.engine}] {item.group}", []).append(item)
    return by_cause
