# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host as it was before the first change that was not taken back yet: the plan. Pure.

First what each thing was before the changes that the journal has, and what our last one left of it. Others may
have changed a thing between two of our changes: the second one then found what the first did not leave. Only our own
part can be taken back in that case, which is what came after.

Then the way back: running values (sysctls, bridge ports, the policy of FORWARD, units), then files; at last
daemon.json, the whole file or our keys where others were at it, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Optional, TypeVar

from ansible_collections.dockernet.baseline.plugins.module_utils._change.boot_unit_plan import unit_path
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_file import (
    masked_text,
    with_key,
    without_key,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_entries import (
    Content,
    FileRecord,
    History,
    RecordedChange,
    UnitRecord,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import (
    CHAIN,
    NAMES,
    Diff,
    FileState,
    Outline,
    PolicyChange,
    PortChange,
    Refusal,
    SysctlChange,
    policy_diff,
    port_actions,
    port_diff,
    sysctl_diff,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import parse
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import mask_text, mask_values


@dataclass(frozen=True)
class Past:
    """A thing with a single value."""

    before: str
    ours: frozenset[str]
    """What our last change may have left: one value, or two when that change was killed or failed."""


@dataclass(frozen=True)
class PortPast:
    """The mode of a bridge port."""

    port: PortChange
    """As it was changed last."""
    past: Past


@dataclass(frozen=True)
class FileLink:
    """One change of a file: what it found, and what it may have left."""

    found: FileRecord
    after: list[Optional[Content]]

    @property
    def before(self) -> Optional[Content]:
        """What it found, None for no file."""
        return self.found.before


@dataclass(frozen=True)
class FilePast:
    """A file with its changes, oldest first."""

    path: str
    links: list[FileLink]

    @property
    def ours(self) -> list[Optional[Content]]:
        """What our last change may have left."""
        return self.links[-1].after

    @property
    def unbroken(self) -> list[FileLink]:
        """The links since others changed the file last, all of them when none did."""
        start = 0
        for place in range(1, len(self.links)):
            if digest(self.links[place].before) not in {digest(content) for content in self.links[place - 1].after}:
                start = place
        return self.links[start:]


def digest(content: Content | None) -> str | None:
    """The checksum, None for no file."""
    return content.sha256 if content else None


def sysctl_pasts(changes: Iterable[RecordedChange]) -> dict[str, Past]:
    """By key."""
    return _pasts(
        (item.key, item.before, item.after, _is_certain(change))
        for change in _standing(changes)
        for item in change.sysctls
    )


def policy_pasts(changes: Iterable[RecordedChange]) -> dict[str, Past]:
    """The policy of FORWARD, by family."""
    return _pasts(
        (item.family, item.before, item.after, _is_certain(change))
        for change in _standing(changes)
        for item in change.policies
    )


def unit_pasts(changes: Iterable[RecordedChange]) -> dict[str, Past]:
    """By the name of the unit."""
    return _pasts(
        (item.name, item.before, item.after, _is_certain(change))
        for change in _standing(changes)
        for item in change.units
    )


def port_pasts(changes: Iterable[RecordedChange]) -> list[PortPast]:
    """By port, in the order of their first change; a container that was started anew has another port."""
    standing = list(_standing(changes))
    found = _pasts(
        (_port_key(item), _word(on=item.before), _word(on=item.after), _is_certain(change))
        for change in standing
        for item in change.ports
    )
    last = {_port_key(item): item for change in standing for item in change.ports}
    return [PortPast(last[key], past) for key, past in found.items()]


def file_pasts(changes: Iterable[RecordedChange]) -> dict[str, FilePast]:
    """By path; a change that left a file as it found it is none."""
    pasts: dict[str, FilePast] = {}
    for change in changes:
        for record in change.files:
            after = _after(change, record)
            if {digest(content) for content in after} == {digest(record.before)}:
                continue
            links = pasts[record.path].links if record.path in pasts else []
            pasts[record.path] = FilePast(record.path, [*links, FileLink(record, after)])
    return pasts


def _after(change: RecordedChange, record: FileRecord) -> list[Content | None]:
    known = [record.before, *record.writes]
    if record.path not in change.left:
        return known
    left = change.left[record.path]
    same = [content for content in known if digest(content) == left]
    # Neither: another program wrote it before our change had ended.
    return same[:1] or record.writes


def _standing(changes: Iterable[RecordedChange]) -> Iterable[RecordedChange]:
    return (change for change in changes if not change.undone)


def _is_certain(change: RecordedChange) -> bool:
    """Whether all that it wanted came true; a killed or failed one may have come anywhere."""
    return "done" in change.ended


def _pasts(links: Iterable[tuple[str, str, str, bool]]) -> dict[str, Past]:
    pasts: dict[str, Past] = {}
    for key, before, after, certain in links:
        ours = frozenset({after} if certain else {before, after})
        known = pasts.get(key)
        pasts[key] = Past(known.before if known and before in known.ours else before, ours)
    return pasts


def _port_key(port: PortChange) -> str:
    return f"{port.index} {port.port} {port.container}"


def _word(*, on: bool) -> str:
    return "on" if on else "off"


K = TypeVar("K")
T = TypeVar("T")

# Writing one of these sets every interface of its family (kernel, Documentation/networking/ip-sysctl.rst).
_KNOBS = {
    "net.ipv4.ip_forward": "net.ipv4.conf.",
    "net.ipv4.conf.all.forwarding": "net.ipv4.conf.",
    "net.ipv6.conf.all.forwarding": "net.ipv6.conf.",
}
_FAMILY = re.compile(r"(net\.ipv[46]\.conf\.)[^.]+\.forwarding\Z")
_FORWARDING = {"net.ipv4.ip_forward": "IPv4", "net.ipv6.conf.all.forwarding": "IPv6"}


@dataclass(frozen=True)
class Back(Generic[T]):
    """The way back for things of one kind."""

    changes: list[T] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    """What somebody else has changed since; it stays."""
    gone: list[str] = field(default_factory=list)
    """What exists no longer."""


@dataclass(frozen=True)
class Kept:
    """Files as they are now, and what the journal kept of before."""

    states: Mapping[str, FileState]
    """By path."""
    digests: Mapping[str, str | None]
    """The checksums of what they hold, by path."""
    copies: Mapping[str, bytes]
    """By the path that the journal names."""


@dataclass(frozen=True)
class FileBack:
    """A file and what it is to hold; None removes it."""

    state: FileState
    """As it is now; for one that is to come back, with the mode and owner of before."""
    data: bytes | None


@dataclass(frozen=True)
class FilesBack:
    """The way back for all of them."""

    changes: list[FileBack] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    blocked: set[str] = field(default_factory=set)
    """Their paths."""
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Present:
    """Running values as they are now, or will be once daemon.json and dockerd are as they were."""

    sysctls: Mapping[str, str]
    modes: Mapping[tuple[int, str], bool]
    """Hairpin mode of bridge ports, by index and name of the interface."""
    policies: Mapping[str, str]
    """Of FORWARD, by family."""
    units: Mapping[str, str]
    """Their states by name."""


@dataclass(frozen=True)
class ValuesPlan:
    """What is done once dockerd runs as it did before, in this order."""

    outline: Outline
    sysctls: list[SysctlChange] = field(default_factory=list)
    ports: list[PortChange] = field(default_factory=list)
    units: list[UnitRecord] = field(default_factory=list)
    files: list[FileBack] = field(default_factory=list)
    policies: list[PolicyChange] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    """What somebody else has changed since, and stays."""


def plan_values(history: History[RecordedChange], files: list[FilePast], kept: Kept, present: Present) -> ValuesPlan:
    """Plan the way back for everything but daemon.json; files: those to be judged here."""
    changes = history.changes
    sysctls = sysctls_back(sysctl_pasts(changes), present.sysctls)
    ports = ports_back(port_pasts(changes), present.modes)
    policies = policies_back(policy_pasts(changes), present.policies)
    contents = _files_back(files, kept)
    # A unit whose file somebody else has changed is left to them.
    ours = {name: past for name, past in unit_pasts(changes).items() if unit_path(name) not in contents.blocked}
    units = units_back(ours, present.units)
    rewritten = _rewritten(contents.changes, ours, units.changes)
    actions = sysctl_sentences(sysctls.changes) + port_actions(ports.changes) + _unit_sentences(units.changes)
    actions += _file_sentences(contents.changes) + _policy_sentences(policies.changes)
    moving = [change for change in sysctls.changes if change.before != change.after]
    diffs = sysctl_diff(moving) + port_diff(ports.changes) + _unit_diff(units.changes)
    diffs += _file_diffs(contents.changes) + policy_diff(policies.changes)
    gone = [*_of_interfaces(sysctls.gone), *ports.gone, *units.gone, *policies.gone]
    warnings = history.notes + contents.notes + _gone_sentence(gone) + _network_sentences(changes)
    warnings += _forwarding_sentences(moving) + _open_sentences(policies.changes, present, moving)
    return ValuesPlan(
        Outline(actions, diffs, warnings=warnings),
        sysctls.changes if moving else [],
        ports.changes,
        units.changes + [UnitRecord(name, present.units[name], present.units[name]) for name in rewritten],
        contents.changes,
        policies.changes,
        sysctls.conflicts + ports.conflicts + units.conflicts + contents.conflicts + policies.conflicts,
    )


def refuse_conflicts(conflicts: list[str]) -> None:
    """Raise Refusal for what somebody else has changed since."""
    if conflicts:
        raise Refusal(
            "nothing was changed: what this would revert was changed outside this collection: "
            f"{'; '.join(conflicts)}. Correct that manually, or leave it and revert the rest with on_conflict: allow",
            consents=[{"on_conflict": "allow"}],
        )


def _rewritten(files: list[FileBack], ours: Mapping[str, Past], units: list[UnitRecord]) -> list[str]:
    """Units whose file changes and whose state does not; systemd must read them anew."""
    paths = {item.state.path for item in files}
    moving = {unit.name for unit in units}
    return [name for name in ours if unit_path(name) in paths and name not in moving]


def _unit_sentences(units: list[UnitRecord]) -> list[str]:
    words = {"absent": "disable", "disabled": "disable", "enabled": "enable"}
    return [f"{words.get(unit.after, unit.after)} {unit.name}" for unit in units]


def _unit_diff(units: list[UnitRecord]) -> list[Diff]:
    if not units:
        return []
    before = "".join(f"{unit.name} {unit.before}\n" for unit in units)
    return [Diff("systemd units", before, "".join(f"{unit.name} {unit.after}\n" for unit in units))]


def _policy_sentences(policies: list[PolicyChange]) -> list[str]:
    return [
        f"restore the policy of {item.chain} ({NAMES[item.family]}) from {item.before} to {item.after}"
        for item in policies
    ]


def _of_interfaces(keys: list[str]) -> list[str]:
    return sorted({key.rpartition(".")[0] for key in keys})


def _gone_sentence(gone: list[str]) -> list[str]:
    return [f"no longer exists, so there was nothing to revert: {', '.join(gone)}"] if gone else []


def _network_sentences(changes: list[RecordedChange]) -> list[str]:
    names = sorted({network.name for change in changes for network in change.networks})
    if not names:
        return []
    text = f"networks are not reverted by this module, and stay unchanged: {', '.join(names)}"
    return [f"{text}. The module bridge_network, state: absent, removes one", *_killed_sentence(changes)]


def _killed_sentence(changes: list[RecordedChange]) -> list[str]:
    """What bridge_network puts back of a killed run, it takes from the newest change of networks that stands."""
    newest = next(change for change in reversed(changes) if change.networks)
    if newest.ended:
        return []
    names = ", ".join(sorted(network.name for network in newest.networks))
    text = f"a run that changed networks was killed ({names}). Run the module bridge_network before this rollback"
    return [f"{text}: it restores what that run left incomplete, and no longer can once the rollback is recorded"]


def _forwarding_sentences(sysctls: list[SysctlChange]) -> list[str]:
    return [
        f"{_FORWARDING[change.key]} forwarding is turned off, as before: containers no longer reach other machines"
        for change in sysctls
        if change.key in _FORWARDING and change.after == "0"
    ]


def _open_sentences(policies: list[PolicyChange], present: Present, sysctls: list[SysctlChange]) -> list[str]:
    values = {**present.sysctls, **{change.key: change.after for change in sysctls}}
    knobs = {"ipv4": "net.ipv4.ip_forward", "ipv6": "net.ipv6.conf.all.forwarding"}
    return [
        f"the host forwards {NAMES[item.family]} and the policy of FORWARD becomes ACCEPT, as before: it routes for "
        "any machine that uses it as a gateway"
        for item in policies
        if item.after == "ACCEPT" and values.get(knobs.get(item.family, "")) == "1"
    ]


def sysctls_back(pasts: Mapping[str, Past], now: Mapping[str, str]) -> Back[SysctlChange]:
    """Return the values to write, in order: those that set every interface first, then single ones.

    now: all running values. Where all interfaces are set, those that follow are among the changes, and those that stay
    as they are, too, since they must be written again.
    """
    wanted, conflicts, gone = _sorted_out(pasts, now, lambda key: key)
    families = {_KNOBS[key]: value for key, value in wanted.items() if key in _KNOBS}
    for key, value in now.items():
        found = _FAMILY.match(key)
        if found and found.group(1) in families and key not in wanted:
            wanted[key] = value if key in pasts else families[found.group(1)]
    order = sorted(wanted, key=lambda key: (list(_KNOBS).index(key) if key in _KNOBS else len(_KNOBS), key))
    return Back([SysctlChange(key, now[key], wanted[key]) for key in order], conflicts, gone)


def sysctl_sentences(changes: Sequence[SysctlChange]) -> list[str]:
    """One sentence a change, but for what the kernel sets along with another."""
    leaders: dict[str, SysctlChange] = {}
    for change in changes:
        if change.key in _KNOBS:
            leaders.setdefault(_KNOBS[change.key], change)
    said: list[str] = []
    for change in changes:
        found = _FAMILY.match(change.key)
        leader = leaders.get(found.group(1)) if found else None
        follows = leader is not None and leader is not change and leader.after == change.after
        if change.before != change.after and not follows:
            said.append(f"set {change.key} from {change.before} back to {change.after}")
    return said


def ports_back(pasts: Sequence[PortPast], modes: Mapping[tuple[int, str], bool]) -> Back[PortChange]:
    """Return the ports to set.

    modes: hairpin mode by index and name of the interface; one that was made anew since is another port.
    """
    back: Back[PortChange] = Back()
    for item in pasts:
        port = item.port
        mode = modes.get((port.index, port.port))
        if mode is None:
            back.gone.append(f"{port.port}, the port of container {port.container} on {port.bridge}")
        elif mode != (item.past.before == "on"):
            back.changes.append(
                PortChange(
                    port.index, port.port, port.bridge, port.network, port.container, before=mode, after=not mode
                )
            )
    return back


def policies_back(pasts: Mapping[str, Past], now: Mapping[str, str]) -> Back[PolicyChange]:
    """Return the policies of FORWARD to set, by family."""
    wanted, conflicts, gone = _sorted_out(pasts, now, lambda key: f"the policy of {CHAIN} ({NAMES.get(key, key)})")
    return Back([PolicyChange(key, now[key], value) for key, value in wanted.items()], conflicts, gone)


def units_back(pasts: Mapping[str, Past], now: Mapping[str, str]) -> Back[UnitRecord]:
    """Return the units to enable, disable or remove."""
    wanted, conflicts, gone = _sorted_out(pasts, now, lambda name: f"unit {name}")
    return Back([UnitRecord(name, now[name], value) for name, value in wanted.items()], conflicts, gone)


def _sorted_out(
    pasts: Mapping[K, Past], now: Mapping[K, str], name: Callable[[K], str]
) -> tuple[dict[K, str], list[str], list[str]]:
    wanted: dict[K, str] = {}
    conflicts: list[str] = []
    gone: list[str] = []
    for key, past in pasts.items():
        value = now.get(key)
        if value is None:
            gone.append(name(key))
        elif value == past.before:
            continue
        elif value in past.ours:
            wanted[key] = past.before
        else:
            ours = " or ".join(sorted(past.ours))
            conflicts.append(f"{name(key)} is {value} now; it was {past.before} before, and this collection set {ours}")
    return wanted, conflicts, gone


def _files_back(pasts: Sequence[FilePast], kept: Kept) -> FilesBack:
    """Return what becomes of the files; one that somebody else has changed since stays."""
    back = FilesBack()
    for past in pasts:
        goal = past.unbroken[0].before
        now = kept.digests[past.path]
        if now == digest(goal):
            continue
        if now not in {digest(content) for content in past.ours}:
            what = "was removed" if now is None else "was changed"
            back.blocked.add(past.path)
            back.conflicts.append(f"{past.path} {what} outside this collection since this collection wrote it")
            continue
        if past.unbroken != past.links:
            back.notes.append(
                f"{past.path} was changed outside this collection between two of its changes, and is restored to that "
                "state"
            )
        back.changes.append(FileBack(_state(past, kept), None if goal is None else kept.copies[goal.copy]))
    return back


def _file_sentences(changes: Sequence[FileBack]) -> list[str]:
    """One sentence a file."""
    return [f"remove {item.state.path}" if item.data is None else f"restore {item.state.path}" for item in changes]


def _file_diffs(changes: Sequence[FileBack]) -> list[Diff]:
    """Before and after."""
    return [Diff(item.state.path, _shown(item.state.data), _shown(item.data)) for item in changes]


def _state(past: FilePast, kept: Kept) -> FileState:
    state = kept.states[past.path]
    found = past.unbroken[0].found
    return state if state.data is not None else replace(state, mode=found.mode, uid=found.uid, gid=found.gid)


def _shown(data: bytes | None) -> str:
    """As text with secrets masked, by the names of keys in what may be a daemon.json that dockerd reads no more."""
    text = (data or b"").decode("utf-8", "replace")
    try:
        return masked_text(text) if isinstance(json.loads(text), dict) else mask_text(text)
    except (ValueError, RecursionError):
        return mask_text(text)


_ABSENT = object()


@dataclass(frozen=True)
class DaemonGoal:
    """What daemon.json is to become."""

    text: str | None
    """None: no file."""
    conflicts: list[str] = field(default_factory=list)
    """Keys that were changed by others since; they stay."""
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _KeyPast:
    before: Any
    ours: list[Any]


def daemon_goal(past: FilePast, now: FileState, checksum: str | None, copies: Mapping[str, bytes]) -> DaemonGoal:
    """Return what the file at past.path, which is now as given, was before our changes.

    copies: the content of each copy that the journal names, by path. checksum: that of now.data.
    """
    if past.unbroken == past.links and checksum in {digest(content) for content in [past.links[0].before, *past.ours]}:
        before = _data(past.links[0].before, copies)
        return DaemonGoal(None if before is None else before.decode("utf-8", "replace"))
    parsed = parse(now.data or b"{}", past.path)
    if parsed.problems:
        places = "; ".join(f"{item.line}:{item.column}: {item.message}" for item in parsed.problems)
        return DaemonGoal(
            _text(now), [f"{past.path} was changed outside this collection, and dockerd cannot read it: {places}"]
        )
    return _key_by_key(past, now, parsed.values, _key_pasts(past, copies))


def _key_by_key(past: FilePast, now: FileState, values: Mapping[str, Any], keys: Mapping[str, _KeyPast]) -> DaemonGoal:
    text = _text(now) or ""
    conflicts: list[str] = []
    for key, known in keys.items():
        value = values.get(key, _ABSENT)
        if value == known.before:
            continue
        if value not in known.ours:
            conflicts.append(
                f"{key} in {past.path} is {_shown_value(key, value)} now; it was {_shown_value(key, known.before)} "
                f"before, and this collection set {_shown_value(key, known.ours[-1])}"
            )
        elif known.before is _ABSENT:
            text = without_key(text, key)
        else:
            text = with_key(text, key, value=known.before)
    note = f"{past.path} was changed outside this collection as well; that part stays"
    if past.links[0].before is None and not parse(text.encode() or b"{}", past.path).values:
        return DaemonGoal(None, conflicts, [note])
    return DaemonGoal(text, conflicts, [note])


def _key_pasts(past: FilePast, copies: Mapping[str, bytes]) -> dict[str, _KeyPast]:
    keys: dict[str, _KeyPast] = {}
    for link in past.links:
        before = _values(past.path, link.before, copies)
        possible = [_values(past.path, content, copies) for content in link.after]
        touched = {key for values in [before, *possible] for key in values}
        for key in sorted(touched):
            old = before.get(key, _ABSENT)
            new = [values.get(key, _ABSENT) for values in possible]
            if all(value == old for value in new):
                continue
            known = keys.get(key)
            keys[key] = _KeyPast(known.before if known and old in known.ours else old, new)
    return keys


def _values(path: str, content: Content | None, copies: Mapping[str, bytes]) -> dict[str, Any]:
    data = _data(content, copies)
    return parse(data, path).values if data and data.strip() else {}


def _data(content: Content | None, copies: Mapping[str, bytes]) -> bytes | None:
    return None if content is None else copies[content.copy]


def _text(now: FileState) -> str | None:
    return None if now.data is None else now.data.decode("utf-8", "replace")


def _shown_value(key: str, value: Any) -> str:
    return "not set" if value is _ABSENT else json.dumps(mask_values({key: value})[key])
