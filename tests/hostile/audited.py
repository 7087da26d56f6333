"""One audit from the readers to the reports, in a process that is there for nothing else.

What an audit takes from a host goes the whole way: it is read, sent through Ansible's own encoder and decoder, judged
and weighed on the controller, and written as every report.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import re
import resource
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from ansible.module_utils.common.json import Direction, get_module_decoder, get_module_encoder
from ansible_collections.dockernet.baseline.plugins.module_utils._host import child_process, engine_api, netlink, read
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import ChildResult, HandOver
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read_whole import read_whole
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.wire import LARGEST, WIRE, pack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.audit import judged
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.limits import judge_within, read_snapshot_text
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import FULL
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_document import document_of, weighed
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import Audit
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import Gate
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.junit import junit
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.run_summary import HostRun, run_summary

from tests.hostile.fake_kernel import FakeKernel, Space
from tests.hostile.world import HOST, World
from tests.unit.audits import TODAY, policy_of, problems

ADDRESS_SPACE = 3 << 30
"""Bytes: what ends a process that would hurt the machine. The cap itself is held against what it really had."""
READING_LIMIT = 4.0
"""Seconds for the reading of a host, in place of the minute or so that a real one is given."""
JUDGING_LIMIT = 60.0
_PROFILE = "legacy"
# What a terminal acts on, and half a character.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_ENCODINGS = (
    "ascii",
    "latin_1",
    "idna",
    "punycode",
    "utf_8_sig",
    "utf_16",
    "utf_16_le",
    "utf_16_be",
    "utf_32",
    "utf_32_le",
    "utf_32_be",
)
SCHEMA = "the document is not as its schema says"
DEFECT = "the audit tells of a defect"


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


@dataclass
class Outcome:
    """What became of a case."""

    findings: list[tuple[str, str, str, str]] = field(default_factory=list)
    """Check, kind and name of the resource, outcome."""
    sources: dict[str, str] = field(default_factory=dict)
    """Why each was not read, empty for those that were."""
    gaps: list[str] = field(default_factory=list)
    """Sources in which a container or network is missing."""
    wrong: list[str] = field(default_factory=list)
    """What may not be so: tracebacks, defects that the audit tells of, what a report or the wire cannot take."""
    seconds: dict[str, float] = field(default_factory=dict)
    """How long what took."""
    processor: float = 0.0
    """Seconds of processor time for all but the reading."""
    begun_with: int = field(default_factory=_resident)
    """Bytes that were resident before: the interpreter, Ansible and the made-up host."""
    memory: int = 0
    """The most that was resident at a time beyond that, in bytes."""

    @contextlib.contextmanager
    def phase(self, name: str) -> Any:
        began = time.monotonic()
        try:
            yield
        except Exception:
            self.wrong.append(f"{name}: {traceback.format_exc()}")
            raise
        finally:
            self.seconds[name] = time.monotonic() - began


def audit_world(world: World, root: Path, spaces: dict[int, Space]) -> Outcome:
    """Audit the host below root. The process cannot be used for anything else afterwards."""
    _load_all()
    own = next(inode for inode, space in spaces.items() if space is world.spaces[HOST])

    def there(work: Callable[[HandOver], None], seconds: float) -> ChildResult:
        """Have the work done on that host, in the process that is there for it."""

        def work_there(tell: HandOver) -> None:
            FakeKernel(spaces, own).install()
            os.chroot(root)
            os.chdir("/")
            work(tell)

        return child_process.run_in_child(work_there, seconds)

    setattr(read, "run_in_child", there)  # noqa: B010 (it is imported there, and no part of it)
    engine_api.TIME_LIMIT = READING_LIMIT / 2  # type: ignore[assignment]
    netlink.TIME_LIMIT = READING_LIMIT / 4
    outcome = Outcome()
    with contextlib.suppress(Exception):
        with outcome.phase("reading"):
            snapshot = read_whole(world.run, seconds=READING_LIMIT)
        outcome.memory = _peak(outcome, resource.RUSAGE_SELF) + _peak(outcome, resource.RUSAGE_CHILDREN)
        began = time.process_time()
        with outcome.phase("judging"):
            answer = _answer(snapshot)
        _follow(answer, outcome)
        outcome.processor = time.process_time() - began
    return _measured(outcome)


@cache
def _load_all() -> None:
    """Load what Python would load when it is needed first."""
    for module in ("_strptime", "stringprep", *(f"encodings.{name}" for name in _ENCODINGS)):
        importlib.import_module(module)


def audit_saved(load: Callable[[], HostSnapshot]) -> Outcome:
    """Judge what load returns, as docker_netcheck does it: a ValueError is an answer in words."""
    outcome = Outcome()
    began = time.process_time()
    with contextlib.suppress(Exception):
        try:
            with outcome.phase("judging"):
                answer = _answer(load())
        except ValueError:
            outcome.wrong.clear()
        else:
            _follow(answer, outcome)
    outcome.processor = time.process_time() - began
    return _measured(outcome)


def _measured(outcome: Outcome) -> Outcome:
    # Reading and judging are the work of one child each, and no machine does both.
    outcome.memory = max(outcome.memory, _peak(outcome, resource.RUSAGE_CHILDREN))
    return outcome


def _peak(outcome: Outcome, whose: int) -> int:
    return max(0, resource.getrusage(whose).ru_maxrss * 1024 - outcome.begun_with)


def warm(snapshot: HostSnapshot) -> None:
    """Do in this process once what every case does, so that its copies find all caches filled."""
    _load_all()
    _follow(_answer(snapshot), Outcome())


def _answer(snapshot: HostSnapshot) -> dict[str, Any]:
    """What a host sends, through Ansible's own encoder and decoder, and judged as the action plugin does it."""
    sent = _over_the_wire({"changed": False, WIRE: pack(snapshot.to_json_within(LARGEST))})
    return judge_within(JUDGING_LIMIT, sent[WIRE], read_snapshot_text, _judge)


def _judge(snapshot: HostSnapshot) -> dict[str, Any]:
    return weighed(judged(AuditContext(snapshot, Settings()), "summary"), policy_of(), "alpha", TODAY, FULL)


def _follow(answer: dict[str, Any], outcome: Outcome) -> None:
    """Take what was judged all the way to the reports."""
    with outcome.phase("reports"):
        _report(answer, outcome)
    outcome.sources = {name: "" if item["read"] else item["reason"] for name, item in answer["sources"].items()}
    outcome.gaps = [name for name, item in answer["sources"].items() if "gaps" in item]
    outcome.findings = [
        (item["check"], item["resource"]["kind"], item["resource"]["name"][:200], item["outcome"])
        for item in answer["findings"]
    ]
    outcome.wrong += [
        f"{DEFECT}: {item['error'][:300]} at {item['place']}, in {', '.join(item['parts'])}"
        for item in answer["defects"]
    ]


def _over_the_wire(answer: dict[str, Any]) -> dict[str, Any]:
    """As Ansible takes a result from the module to the controller."""
    encoder = get_module_encoder(_PROFILE, Direction.MODULE_TO_CONTROLLER)
    text = json.dumps(answer, cls=encoder)
    text.encode()
    found: dict[str, Any] = json.loads(text, cls=get_module_decoder(_PROFILE, Direction.MODULE_TO_CONTROLLER))
    if json.loads(json.dumps(found)) != json.loads(text):
        raise AssertionError("what arrived is not what was sent")
    return found


def _report(result: dict[str, Any], outcome: Outcome) -> None:
    document = document_of(result)
    outcome.wrong += [f"{SCHEMA}: {item[:300]}" for item in problems(document)[:3]]
    audit = Audit.from_document("alpha", document)
    gate = Gate(fail_on="info")
    shown = [*audit.lines(100), *audit.screen(100), *audit.brief(100)]
    shown += run_summary([HostRun.of(audit, audit.complaint(gate))] * 2, 2, 100)
    lines = [line.text for line in shown]
    told = [*lines, audit.complaint(gate), json.dumps(document), junit(audit.suite(), gate)]
    ElementTree.fromstring(told[-1])  # noqa: S314
    for text in told:
        found = _CONTROL.search(text)
        if found:
            around = text[max(0, found.start() - 60) : found.end() + 30]
            outcome.wrong.append(f"a report holds {found[0]!r}: {around!r}")


def limit_memory() -> None:
    """Keep a case from hurting the machine."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    sys.setswitchinterval(0.005)
