"""Whatever lies in daemon.json: judging, editing and planning never stumble over it, and edits touch nothing else."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_config_plan import (
    Consent,
    DaemonFacts,
    plan_daemon_config,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_file import (
    Goal,
    masked_text,
    text_goal,
    with_key,
    without_key,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_keys_goal import (
    WantedKey,
    keys_goal,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import FileState, Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import parse
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_keys import (
    problems_in,
    release_matters,
    reload_blockers,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import is_blank
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import MASK
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.differential.daemon_json_files import ANYTHING, FILES, KEYS, Style, render
from tests.unit.examples import examples
from tests.unit.plugins.module_utils._change.hosts import CONFIG_PATH, HOST, with_engine

RELEASES = st.sampled_from([(0, 0), (20, 10), (23, 0), (24, 0), (26, 1), (27, 3), (28, 0), (28, 5), (29, 2)])
VERSIONS = st.sampled_from(["", "20.10.5", "26.1.5", "28.5.2"])
NAMES = st.sampled_from(["userland-proxy", "live-restore", "mtu", "log-opts", *KEYS])
VALUES = ANYTHING.map(lambda value: json.loads(render(value, Style())) if _is_json(value) else False)

many = settings(max_examples=examples(50, 300), deadline=None, suppress_health_check=list(HealthCheck))
GOALS = st.one_of(
    st.builds(lambda name, value, present: keys_goal([WantedKey(name, present, value)]), NAMES, VALUES, st.booleans()),
    FILES.map(lambda raw: text_goal(raw.decode("utf-8", "replace"))),
    st.just(text_goal(None)),
)


def _is_json(value: Any) -> bool:
    text = render(value, Style())
    return parse(f'{{"x": {text}}}'.encode(), "").problems == [] and "\\ud" not in text


def _editable(raw: bytes) -> str:
    """The text of a file that may be edited: the modules refuse others before."""
    parsed = parse(raw, CONFIG_PATH)
    assume(not parsed.problems or is_blank(raw.decode("utf-8", "replace")))
    return raw.decode()


def _shared(one: str, other: str) -> int:
    """How many letters two texts have in common at their beginnings."""
    return next((at for at, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))


def _middle(old: str, new: str) -> tuple[str, str]:
    """What is left of two texts without the beginning and the end that they share."""
    start = _shared(old, new)
    end = _shared(old[start:][::-1], new[start:][::-1])
    return old[start : len(old) - end], new[start : len(new) - end]


def _values(text: str) -> dict[str, Any]:
    return parse(text.encode(), "").values


@many
@given(FILES, RELEASES)
def test_no_file_makes_the_judgement_stumble(raw: bytes, release: tuple[int, int]) -> None:
    parsed = parse(raw, CONFIG_PATH)
    problems = problems_in(parsed.values, parsed.positions, {"hosts": ["fd://"]}, release)
    json.dumps([problem.message for problem in parsed.problems + problems]).encode()
    release_matters(parsed.values, parsed.positions, {})
    reload_blockers(parsed.values, parsed.positions, release)
    lines = raw.count(b"\n") + raw.count(b"\n\0") + 1
    assert all(0 <= problem.line <= lines for problem in parsed.problems)


@many
@given(FILES, NAMES, VALUES)
def test_an_edit_sets_its_key_and_nothing_else(raw: bytes, name: str, value: Any) -> None:
    text = _editable(raw)
    edited = with_key(text, name, value=value)
    assert parse(edited.encode(), "").problems == []
    assert _values(edited) == {**_values(text), name: value}
    assert list(_values(edited)) == list(dict.fromkeys([*_values(text), name]))
    assert with_key(edited, name, value=value) == edited
    lost, gained = _middle(text, edited)
    if name in _values(text):
        assert len(gained) <= len(json.dumps(value))
    else:
        assert not lost.strip() or is_blank(text.replace("null", ""))


@many
@given(FILES, st.data())
def test_an_edit_removes_its_key_and_nothing_else(raw: bytes, data: st.DataObject) -> None:
    text = _editable(raw)
    name = data.draw(st.sampled_from([*_values(text), "no-such-key"]))
    edited = without_key(text, name)
    assert parse(edited.encode(), "").problems == [] or edited == text
    assert _values(edited) == {key: value for key, value in _values(text).items() if key != name}
    assert without_key(edited, name) == edited


@many
@given(FILES, NAMES, VALUES)
def test_what_was_added_can_be_taken_away_again(raw: bytes, name: str, value: Any) -> None:
    text = _editable(raw)
    assume(_values(text) and name not in _values(text))
    assert without_key(with_key(text, name, value=value), name) == text


@many
@given(FILES)
def test_what_is_shown_is_the_file_without_its_secrets(raw: bytes) -> None:
    text = _editable(raw)
    shown = masked_text(text)
    assert list(_values(shown)) == list(_values(text))
    assert "secret@" not in shown
    assert MASK in shown or shown == text


@many
@given(FILES, GOALS, st.booleans(), st.booleans(), VERSIONS)
def test_a_plan_is_made_or_refused(raw: bytes, goal: Goal, disruption: bool, live_restore: bool, version: str) -> None:
    host = with_engine(HOST, version=version)
    facts = DaemonFacts(FileState(CONFIG_PATH, CONFIG_PATH, raw))
    with contextlib.suppress(Refusal):
        plan = plan_daemon_config(host, goal, Consent(disruption, live_restore), facts)
        assert bool(plan.steps) <= bool(plan.outline.actions)
