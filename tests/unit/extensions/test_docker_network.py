# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event source docker_network, run as ansible-rulebook runs it, with engines that answer what a test says."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import json
import re
import runpy
import subprocess
import sys
import threading
import time
import tracemalloc
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ansiblelint
import jsonschema
import pytest
import yaml
from ansible_collections.dockernet.baseline.extensions.eda.plugins.event_source import docker_network as plugin

from tests.lab.proc import wait_for
from tests.unit.extensions.fake_engine import FakeEngine, Stream
from tests.unit.patience import SECONDS

FILE = Path(plugin.__file__)
MAIN = runpy.run_path(str(FILE))["main"]
FAST = {"quiet": 0.25, "interval": 1, "timeout": 60}
STEP = 0.125
"""Of a clock, in seconds: half of quiet, an eighth of interval."""
CONFIDENTIAL = "hunter2-in-a-label"
Events = list[dict[str, Any]]


def record(action: str = "create", name: Any = "front", kind: str = "network", **more: Any) -> dict[str, Any]:
    actor = {"ID": "f" * 64, "Attributes": {"name": name, "type": "bridge", "com.example.password": CONFIDENTIAL}}
    return {"Type": kind, "Action": action, "Actor": actor, "time": 1, "timeNano": time.time_ns(), **more}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Callable[..., FakeEngine]]:
    made: list[FakeEngine] = []

    def make(events: Callable[[Stream], None], **options: Any) -> FakeEngine:
        made.append(FakeEngine(tmp_path / f"{len(made)}.sock", events, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


class Enough(Exception):
    """The test has seen what it waits for."""


def watch(args: dict[str, Any], enough: Callable[[Events], object], main: Any = MAIN) -> Events:
    """Run the source until enough(events) is true, and see to it that nothing of it is left. Returns all events."""
    seen: Events = []

    async def run() -> None:
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        task = asyncio.create_task(main(queue, args))
        end = time.monotonic() + SECONDS
        while not enough(seen) and time.monotonic() < end and not task.done():
            await asyncio.sleep(0.01)
            while not queue.empty():
                seen.append(queue.get_nowait())
        if task.done():
            await task
        await stop(task)

    asyncio.run(run())
    # A thread of the pool needs a moment to notice that there is no more to do.
    wait_for(lambda: not ours(), SECONDS, "the end of all threads")
    assert enough(seen), f"not within {SECONDS} seconds: {seen}"
    return seen


async def stop(task: asyncio.Task[None]) -> None:
    """Cancel it. What waited for an engine that says nothing would wait several times as long (renew, timeout)."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, SECONDS)


class Clock:
    """The plugin's clock, which stands still: no event is due before a test lets time pass."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        self.heard: list[str] = []
        """What the plugin heard: names of changes, and "resync" where it may have missed some."""
        self.passes_after: list[list[str]] = []
        """When it has heard exactly this, so much time passes that all is due."""
        self._looks = 0
        clock = self

        class Changes(plugin.Changes):
            def due(self) -> float:
                clock._looks += 1
                return super().due()

            def add(self, change: plugin.Change) -> None:
                super().add(change)
                clock._hear(change.name)

            def resync(self) -> None:
                super().resync()
                clock._hear("resync")

        monkeypatch.setattr(plugin, "Changes", Changes)
        standing = types.SimpleNamespace(monotonic=lambda: self.now, time_ns=time.time_ns)
        monkeypatch.setattr(plugin, "time", standing)

    def _hear(self, name: str) -> None:
        self.heard.append(name)
        if self.heard in self.passes_after:
            self.now += 100

    def has_heard(self, count: int) -> None:
        """Wait until the plugin has."""
        wait_for(lambda: len(self.heard) == count, SECONDS, f"change {count} to be heard")

    def is_looked_at(self) -> None:
        """Wait until the plugin found that what it has is not due at this time. The next look may have begun before."""
        looks = self._looks + 2
        wait_for(lambda: self._looks >= looks, SECONDS, "a look at the time")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def ours() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("docker_network")]


def kinds(events: Events) -> list[str]:
    said = [event["docker_network"] for event in events]
    return [item.get("connection") or item["kind"] for item in said]


# ---- options ---------------------------------------------------------------------------------------------------------

HERE = {"here": "unix:///run/docker.sock"}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({}, "engines is needed"),
        ({"engines": []}, "engines is needed"),
        ({"engines": {}}, "engines is needed"),
        ({"engines": HERE, "debounce": 3}, "unknown options: debounce. There are engines, "),
        ({"engines": {"web1": None}}, "web1: the URL must be text"),
        ({"engines": {"web1": "http://web1:2375"}}, "web1: the URL needs unix:///PATH, ssh://"),
        ({"engines": {"web1": "web1"}}, "web1: the URL needs unix:///PATH, ssh://"),
        ({"engines": {"web1": "unix://run/docker.sock"}}, "web1: the URL needs a path"),
        ({"engines": {"web1": "ssh://"}}, "web1: the URL needs a host"),
        ({"engines": {"web1": "ssh://-oProxyCommand=x"}}, "web1: the URL needs a host"),
        ({"engines": {"web1": "ssh://-l@web1"}}, "web1: the URL needs a host"),
        ({"engines": {"web1": "ssh://web1/a:b"}}, "web1: the URL needs a host"),
        ({"engines": {"web1": "ssh://web1:nan"}}, "web1: Port could not be cast"),
        ({"engines": {"web1": "ssh://web1/\u202e"}}, "web1: the URL must be one of"),
        ({"engines": {"web1": "ssh://web1?x"}}, "web1: the URL must be one of"),
        ({"engines": {"web1": "tcp://web1"}}, "web1: the URL needs host and port"),
        ({"engines": {"web1": "tcp://web1:2376/x"}}, "web1: the URL needs host and port"),
        ({"engines": {"web1": "tcp://web1:2375"}}, "web1: tcp:// without TLS"),
        ({"engines": {"all:!web1": "unix:///x"}}, "is not the name of a host"),
        ({"engines": {"w*": "unix:///x"}}, "is not the name of a host"),
        ({"engines": {"{{ x }}": "unix:///x"}}, "is not the name of a host"),
        ({"engines": {3: "unix:///x"}}, "is not the name of a host"),
        ({"engines": {f"h{n}": "unix:///x" for n in range(201)}}, "201 are given, 200 is the most"),
        ({"engines": HERE, "quiet": -1}, "quiet must be a number of seconds from 0 to 3600, and is -1"),
        ({"engines": HERE, "quiet": "soon"}, "quiet must be a number"),
        ({"engines": HERE, "quiet": "nan"}, "quiet must be a number"),
        ({"engines": HERE, "quiet": True}, "quiet must be a number"),
        ({"engines": HERE, "interval": 0}, "interval must be a number of seconds from 5 "),
        ({"engines": HERE, "quiet": 90, "interval": 60}, "interval must be a number of seconds from 90 "),
        ({"engines": HERE, "timeout": 0}, "timeout must be"),
        ({"engines": HERE, "renew": 1}, "renew must be"),
        ({"engines": HERE, "resync_at_start": "maybe"}, "resync_at_start must be true or false"),
        ({"engines": HERE, "unencrypted": True}, "unencrypted must be one of refuse, allow"),
        ({"engines": HERE, "tls_ca": "/nowhere/ca.pem"}, "tls_ca: there is no file /nowhere/ca.pem"),
        ({"engines": HERE, "tls_ca": 3}, "tls_ca must be the path of a file"),
        ({"engines": HERE, "tls_cert": str(FILE)}, "tls_cert and tls_key belong together"),
        ({"engines": HERE, "ssh_args": "-i key"}, "ssh_args must be a list"),
    ],
)
def test_wrong_options_are_named(args: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        asyncio.run(MAIN(asyncio.Queue(), args))


def test_a_password_in_a_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="has a password") as caught:
        plugin.settings_of({"engines": {"web1": f"ssh://root:{CONFIDENTIAL}@web1"}})
    assert CONFIDENTIAL not in str(caught.value)


def test_what_comes_from_templates_is_understood() -> None:
    args = {"engines": HERE, "quiet": "2", "resync_at_start": "True", "eda_feedback_queue": object()}
    settings = plugin.settings_of(args)
    assert (settings.quiet, settings.interval, settings.resync_at_start) == (2.0, 60.0, True)


def test_the_documentation_has_the_options_with_their_defaults() -> None:
    documented = yaml.safe_load(plugin.DOCUMENTATION)["options"]
    assert set(documented) == plugin.OPTIONS
    settings = plugin.settings_of({"engines": HERE})
    for name, option in documented.items():
        if "default" in option:
            value = getattr(settings, name)
            assert (list(value) if isinstance(value, tuple) else value) == option["default"], name
    for example in yaml.safe_load(plugin.EXAMPLES):
        given = {
            name: value for name, value in example["dockernet.baseline.docker_network"].items() if "tls" not in name
        }
        plugin.settings_of({**given, "unencrypted": "allow"})


def test_without_the_sdk_the_error_says_what_to_install() -> None:
    # An interpreter of its own, without the packages of this one.
    program = (
        f"import asyncio, runpy; asyncio.run(runpy.run_path({str(FILE)!r})['main'](None, {{'engines': {HERE!r}}}))"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False)
    assert "ValueError: the Python library docker is needed" in done.stderr


# ---- events ----------------------------------------------------------------------------------------------------------


def test_a_burst_is_one_event(engine: Callable[..., FakeEngine], clock: Clock) -> None:
    clock.passes_after = [["front", "web", "front", "front"]]

    def events(stream: Stream) -> None:
        stream.say(record("create"), record("start", "web", "container"), record("connect"), record("connect"))
        stream.hold()

    one = engine(events)
    (event,) = watch({"engines": {"web1": one.url}, **FAST}, lambda seen: seen, main=plugin.main)
    assert event["meta"] == {"hosts": ["web1"]}
    said = event["docker_network"]
    assert {name: said[name] for name in ("host", "engine", "kind", "count", "left_out")} == {
        "host": "web1",
        "engine": one.url,
        "kind": "changed",
        "count": 4,
        "left_out": 0,
    }
    assert said["actions"] == ["container start", "network connect", "network create"]
    assert said["changes"][0] == {"type": "network", "action": "create", "name": "front"}
    assert len(said["changes"]) == 3
    assert CONFIDENTIAL not in json.dumps(event)
    assert json.loads(plugin_filters(one)) == {
        "type": ["container", "daemon", "network", "service"],
        "event": sorted(set().union(*plugin.COUNTED.values())),
    }


def plugin_filters(one: FakeEngine) -> str:
    from urllib.parse import parse_qs, urlsplit

    return parse_qs(urlsplit(one.asked[1]).query)["filters"][0]


def test_what_does_not_change_networking_makes_no_event(engine: Callable[..., FakeEngine]) -> None:
    def events(stream: Stream) -> None:
        for kind, action in (
            ("container", "exec_create: sh"),
            ("container", "kill"),
            ("container", "health_status: healthy"),
            ("container", "attach"),
            ("image", "pull"),
            ("volume", "create"),
        ):
            stream.say(record(action, kind=kind))
        stream.say(record("reload", "host", "daemon"))
        stream.hold()

    (event,) = watch({"engines": {"web1": engine(events).url}, **FAST}, lambda seen: seen)
    assert event["docker_network"]["actions"] == ["daemon reload"]
    assert event["docker_network"]["count"] == 1


def test_a_host_that_never_is_quiet_has_an_event_every_interval(
    engine: Callable[..., FakeEngine], clock: Clock
) -> None:
    counts: list[int] = []

    def events(stream: Stream) -> None:
        for number in range(1, 25):
            stream.say(record("start", "web", "container"))
            clock.has_heard(number)
            clock.now += STEP
            if number % 8 == 0:
                wait_for(lambda: len(counts) == number // 8, SECONDS, "an event")  # noqa: B023 (it is called here)
        stream.hold()

    def enough(seen: Events) -> bool:
        counts[:] = [event["docker_network"]["count"] for event in seen]
        return len(counts) == 3

    watch({"engines": {"web1": engine(events).url}, **FAST}, enough, main=plugin.main)
    assert counts == [8, 8, 8]


def test_events_of_a_host_keep_their_distance(engine: Callable[..., FakeEngine], clock: Clock) -> None:
    counts: list[int] = []

    def events(stream: Stream) -> None:
        stream.say(record())
        clock.has_heard(1)
        clock.now += 0.4
        wait_for(lambda: counts, SECONDS, "an event")
        for number in (2, 3):
            stream.say(record())
            clock.has_heard(number)
            # Quiet for long enough, and too early for the interval.
            clock.now += 0.4
            clock.is_looked_at()
        clock.now += 0.4
        stream.hold()

    def enough(seen: Events) -> bool:
        counts[:] = [event["docker_network"]["count"] for event in seen]
        return sum(counts) == 3

    watch({"engines": {"web1": engine(events).url}, **FAST}, enough, main=plugin.main)
    assert counts == [1, 2]


def total(events: Events) -> int:
    return sum(event["docker_network"].get("count", 0) for event in events)


def test_each_host_has_events_of_its_own(engine: Callable[..., FakeEngine]) -> None:
    def events(stream: Stream) -> None:
        stream.say(record())
        stream.hold()

    engines = {f"web{number}": engine(events).url for number in range(20)}
    seen = watch({"engines": engines, **FAST}, lambda seen: len(seen) == 20)
    assert sorted(event["meta"]["hosts"][0] for event in seen) == sorted(engines)


# ---- connections -----------------------------------------------------------------------------------------------------


def test_a_lost_connection_is_said_and_followed_by_one_resync(engine: Callable[..., FakeEngine], clock: Clock) -> None:
    streams: list[Stream] = []
    has_come = threading.Event()
    clock.passes_after = [["front"], ["front", "resync", "back"]]

    def events(stream: Stream) -> None:
        streams.append(stream)
        if len(streams) == 1:
            stream.say(record("create", "front"))
            # The daemon stops: the answer ends, long before the time that was asked for.
            assert has_come.wait(SECONDS)
            return
        stream.say(record("create", "back"))
        stream.hold()

    def enough(seen: Events) -> bool:
        if seen:
            has_come.set()
        return "resync" in kinds(seen)

    seen = watch({"engines": {"web1": engine(events).url}, **FAST}, enough, main=plugin.main)
    assert kinds(seen) == ["changed", "lost", "restored", "resync"]
    assert seen[1]["docker_network"]["reason"] == "the connection ended: the engine closed it"
    # What the engine still knows of the time between is in it.
    assert seen[3]["docker_network"]["changes"] == [{"type": "network", "action": "create", "name": "back"}]
    first, second = (float(stream.params["since"]) for stream in streams)
    assert second >= first


def test_what_was_heard_just_before_a_loss_is_neither_hurried_nor_dropped(
    engine: Callable[..., FakeEngine], clock: Clock
) -> None:
    """An audit at the loss would find dockerd stopped, and that of the resync would have to wait for the interval."""
    streams: list[Stream] = []
    clock.passes_after = [["front", "resync"]]

    def events(stream: Stream) -> None:
        streams.append(stream)
        if len(streams) == 1:
            return stream.say(record("create", "front"))
        return stream.hold()

    args = {"engines": {"web1": engine(events).url}, **FAST}
    seen = watch(args, lambda seen: "resync" in kinds(seen), main=plugin.main)
    assert kinds(seen) == ["lost", "restored", "resync"]
    assert seen[2]["docker_network"]["changes"] == [{"type": "network", "action": "create", "name": "front"}]


# The SDK leaves a socket that could not connect to the garbage collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_engine_that_is_not_there_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    args = {"engines": {"web1": f"unix://{tmp_path}/none.sock"}, **FAST}
    # Every failure is in the log.
    seen = watch(args, lambda seen: len(caplog.records) == 3)
    assert kinds(seen) == ["lost"]
    assert seen[0]["docker_network"]["reason"] == "No such file or directory"
    gc.collect()


def test_an_engine_that_answers_nothing_is_lost(engine: Callable[..., FakeEngine]) -> None:
    silent = engine(lambda stream: stream.hold(), head=b"")
    seen = watch({"engines": {"web1": silent.url}, **FAST, "timeout": 1}, lambda seen: seen)
    assert kinds(seen) == ["lost"]
    assert "timed out" in seen[0]["docker_network"]["reason"]


def test_an_answer_that_does_not_end_when_it_should_is_lost(
    engine: Callable[..., FakeEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a firewall that forgot the connection: nothing comes, not even an end."""
    renewed_after(1.0, engine(lambda stream: stream.hold()), monkeypatch, timeout=1.0)
    seen = watch({}, lambda seen: seen, main=plugin.main)
    assert kinds(seen) == ["lost"]
    assert "timed out" in seen[0]["docker_network"]["reason"]


def test_an_answer_that_is_renewed_in_time_makes_no_event(engine: Callable[..., FakeEngine], clock: Clock) -> None:
    streams: list[Stream] = []

    def events(stream: Stream) -> None:
        streams.append(stream)
        if len(streams) > 1:
            return stream.hold()
        # It is from before we asked.
        stream.say(record(timeNano=10**18))
        clock.now += 598.5
        return stream.end()

    args = {"engines": {"web1": engine(events).url}, **FAST, "renew": 600}
    seen = watch(args, lambda seen: len(streams) == 2, main=plugin.main)
    assert kinds(seen) == []


def test_what_was_said_in_the_second_of_a_renewal_is_not_said_again(
    engine: Callable[..., FakeEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    streams: list[Stream] = []
    clock = 1_000_000.0
    said = record(timeNano=int(clock * 10**9) + 700_000_000)

    def events(stream: Stream) -> None:
        streams.append(stream)
        stream.say(said)
        if len(streams) > 1:
            stream.say(record("destroy", timeNano=int(clock * 10**9) + 800_000_000))
            return stream.hold()
        return stream.end()

    # It may end at once, as a second of the engine's clock is all that is known of it.
    renewed_after(plugin.PUNCTUAL, engine(events, clock=clock), monkeypatch)
    seen = watch({}, lambda seen: total(seen) >= 2, main=plugin.main)
    assert [name for event in seen for name in event["docker_network"]["actions"]] == [
        "network create",
        "network destroy",
    ]
    assert total(seen) == 2


def renewed_after(seconds: float, one: FakeEngine, monkeypatch: pytest.MonkeyPatch, **more: Any) -> None:
    """The least that the option takes is longer than a test waits."""
    short = dataclasses.replace(plugin.settings_of({"engines": {"web1": one.url}, **FAST}), renew=seconds, **more)
    monkeypatch.setattr(plugin, "settings_of", lambda args: short)


def test_at_the_start_there_is_a_resync_on_request(engine: Callable[..., FakeEngine]) -> None:
    args = {"engines": {"web1": engine(lambda stream: stream.hold()).url}, "resync_at_start": True, **FAST}
    (event,) = watch(args, lambda seen: seen)
    assert event["docker_network"]["kind"] == "resync"


@pytest.mark.parametrize("clock", [1.0, 4_000_000_000.0])
def test_the_time_is_asked_by_the_clock_of_the_engine(engine: Callable[..., FakeEngine], clock: float) -> None:
    streams: list[Stream] = []

    def events(stream: Stream) -> None:
        streams.append(stream)
        stream.say(record(timeNano=int(clock * 10**9) + 1))
        stream.hold()

    watch({"engines": {"web1": engine(events, clock=clock).url}, "renew": 100, **FAST}, lambda seen: seen)
    assert streams[0].params["since"] == f"{int(clock)}.000000000"
    assert streams[0].params["until"] == str(int(clock) + 100)


def test_ssh_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "ssh"
    program.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\" > \"$0.args\"\necho 'Permission {{ denied }}' >&2\nexit 255\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    args = {"engines": {"web1": "ssh://eda@web1:2222/run/user/docker.sock"}, "ssh_args": ["-i", "/key"], **FAST}
    (event,) = watch(args, lambda seen: seen)
    assert event["docker_network"]["reason"] == "ssh: Permission ?? denied ??"
    words = Path(f"{program}.args").read_text().splitlines()
    assert words[-7:] == ["-l", "eda", "-p", "2222", "--", "web1", "cat"]
    assert words[-8].endswith(":/run/user/docker.sock")
    assert words.index("BatchMode=yes") < words.index("-i") < words.index("ConnectTimeout=60")
    assert not Path(words[-8].partition(":")[0]).parent.exists()


def test_ssh_that_is_started_while_it_stops_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    begun, stopped = threading.Event(), threading.Event()

    class Session(plugin.Session):
        def close(self) -> None:
            super().close()
            stopped.set()

    def slowly(argv: list[str], **options: Any) -> subprocess.Popen[bytes]:
        begun.set()
        assert stopped.wait(SECONDS)
        started.append(real(["sleep", "30"], **options))
        return started[-1]

    real = subprocess.Popen
    monkeypatch.setattr(plugin, "Session", Session)
    monkeypatch.setattr(subprocess, "Popen", slowly)
    watch({"engines": {"web1": "ssh://web1"}, **FAST}, lambda seen: begun.is_set(), main=plugin.main)
    assert [process.poll() for process in started] == [-9]


# ---- hostile engines -------------------------------------------------------------------------------------------------

HOSTILE_NAMES = ["{{ lookup('pipe', 'id') }}", "{% x %}", "a\u202eb", "\x1b[31mred", "a\nb", "n" * 5000, 3, None, ["x"]]


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=range(len(HOSTILE_NAMES)))
def test_names_are_inert_and_short(name: Any) -> None:
    change, dummy = plugin.read_record(json.dumps(record(name=name)).encode())
    assert change is not None
    assert len(change.name) <= 128
    assert not set(change.name) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:/@-?")


@pytest.mark.parametrize(
    "line",
    [
        b"?",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"3",
        b"{}",
        b'{"Type": {}, "Action": []}',
        b"[" * 100_000,
        b'{"Type": "network"}',
    ],
)
def test_what_cannot_be_read_counts_as_a_change(line: bytes) -> None:
    assert plugin.read_record(line) == (plugin.UNREADABLE, 0)


@pytest.mark.parametrize("more", [{"Actor": 3}, {"Actor": {"Attributes": []}}, {"Actor": None}, {"timeNano": "x"}])
def test_what_is_incomplete_is_a_change_all_the_same(more: dict[str, Any]) -> None:
    change, dummy = plugin.read_record(json.dumps(record(**more)).encode())
    assert change is not None
    assert (change.type, change.action) == ("network", "create")


def test_a_time_beyond_all_time_hides_nothing() -> None:
    assert plugin.read_record(json.dumps(record(timeNano=10**40)).encode())[1] == 0


def test_lines_are_divided_wherever_they_are_cut() -> None:
    lines = plugin.Lines()
    text = b'{"a": 1}\n\n{"b": 2}\n'
    assert [line for byte in text for line in lines.feed(bytes([byte]))] == [b'{"a": 1}', b'{"b": 2}']


def test_a_line_without_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "MOST_LINE", 1000)
    lines = plugin.Lines()
    assert list(lines.feed(b"x" * 900)) == []
    assert list(lines.feed(b"x" * 900)) == []
    assert list(lines.feed(b"x" * 5000 + b"\nok\n")) == [b"?", b"ok"]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 500 Oops\r\nContent-Length: 9\r\n\r\n{{ oops }}",
        b"HTTP/1.1 302 Found\r\nLocation: http://198.51.100.1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"X" * 100_000,
    ],
    ids=range(8),
)
def test_an_answer_of_another_kind_is_a_loss_that_is_said(engine: Callable[..., FakeEngine], answer: bytes) -> None:
    one = engine(lambda stream: None, head=answer)
    seen = watch({"engines": {"web1": one.url}, **FAST}, lambda seen: "lost" in kinds(seen))
    reason = next(
        event["docker_network"]["reason"] for event in seen if event["docker_network"]["kind"] == "connection"
    )
    assert reason
    assert len(reason) <= 400
    assert not set(reason) & set("{}\n\x1b")


@pytest.mark.parametrize("flood", ["records", "names", "line", "chunk size"])
def test_a_flood_takes_no_memory(engine: Callable[..., FakeEngine], flood: str) -> None:
    sent = 0

    def events(stream: Stream) -> None:
        nonlocal sent
        if flood == "chunk size":
            while sent < 30_000_000:
                stream.raw(b"0" * 65536)
                sent += 65536
            return
        for number in range(40):
            names = [f"{number}-{index}" for index in range(100)] if flood == "names" else ["web"] * 100
            lines = [json.dumps({**record("start", name, "container"), "from": "x" * 6000}).encode() for name in names]
            data = b"\n".join([*lines, b""]) if flood != "line" else b"x" * 600_000
            stream.chunk(data)
            sent += len(data)
        stream.hold()

    one = engine(events)
    tracemalloc.start()
    try:
        seen = watch(
            {"engines": {"web1": one.url}, **FAST},
            lambda seen: (total(seen) == 4_000) if flood in ("records", "names") else sent > 20_000_000 or seen,
        )
        dummy, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12_000_000, f"{peak} bytes for {sent} received"
    for event in seen:
        assert len(event["docker_network"].get("changes", [])) <= plugin.MOST_LISTED
        assert len(json.dumps(event)) < 8000


def test_a_slow_consumer_is_waited_for(engine: Callable[..., FakeEngine], clock: Clock) -> None:
    names = [str(number) for number in range(3000)]
    clock.passes_after = [names[:count] for count in (1000, 2000, 3000)]

    def events(stream: Stream) -> None:
        stream.say(*[record(name=name) for name in names])
        stream.hold()

    async def run() -> Events:
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(1)
        task = asyncio.create_task(plugin.main(queue, {"engines": {"web1": engine(events).url}, **FAST}))
        end = time.monotonic() + SECONDS
        while len(clock.heard) < 3000 and time.monotonic() < end:
            await asyncio.sleep(0.01)
        seen: Events = []
        while total(seen) < 3000:
            seen.append(await asyncio.wait_for(queue.get(), SECONDS))
        await stop(task)
        return seen

    # One is in the queue, one waits to get there, and one is of all that came meanwhile.
    assert len(asyncio.run(run())) <= 3


# ---- the rulebook ----------------------------------------------------------------------------------------------------

RULEBOOK = FILE.parents[4] / "extensions/eda/rulebooks/audit_changed_host.yml"


def test_the_rulebook_is_one_by_its_schema() -> None:
    """ansible-lint has the schema of ansible-rulebook."""
    schema = Path(ansiblelint.__file__).parent / "schemas" / "rulebook.json"
    jsonschema.validate(yaml.safe_load(RULEBOOK.read_text()), json.loads(schema.read_text()))


def test_the_rulebook_names_what_the_collection_has() -> None:
    root = FILE.parents[4]
    (ruleset,) = yaml.safe_load(RULEBOOK.read_text())
    (source,) = ruleset["sources"]
    options = source["dockernet.baseline.docker_network"]
    assert set(options) <= plugin.OPTIONS
    playbook = ruleset["rules"][0]["action"]["run_playbook"]["name"]
    assert playbook.startswith("dockernet.baseline.")
    assert (root / "playbooks" / f"{playbook.rpartition('.')[2]}.yml").is_file()
