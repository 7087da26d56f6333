# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of the networking of Docker engines, as events of Event-Driven Ansible.

ansible-rulebook executes this file alone (runpy), so that it imports nothing of the collection.

A thread for each engine holds one request open at a time (GET /events), and puts what it hears into a record of
bounded size (Changes). The event loop makes one event of it when the host is quiet. The Docker SDK connects; the
answers are read here, since the SDK reads them whole, however long they are.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import email.utils
import functools
import http.client
import json
import logging
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import types
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

DOCUMENTATION = r"""
---
short_description: Changes of the networking of Docker engines.
description:
  - Listens to the event streams of Docker engines, and makes an event when the networking of a host may have changed.
    It asks the engines for their events (C(GET /events)) and nothing else.
  - Many changes of one host become one event, when the host has been quiet for O(quiet) seconds, and not more often
    than every O(interval) seconds. While it does not become quiet, there is an event every O(interval) seconds.
  - An event is a dictionary C(docker_network) with the keys C(host) and C(engine), as in O(engines); C(kind);
    C(count), how many changes it stands for; C(actions), which kinds of changes, such as C(network connect);
    C(changes), the first 20 different ones of them with C(type), C(action) and C(name); C(left_out), how many are not
    in that list; C(first) and C(last), when they were heard. C(meta.hosts) names the host, so that what a rule runs
    is limited to it.
  - C(kind) is C(changed), C(connection) or C(resync). C(connection) has the state in C(connection), C(lost) or
    C(restored), and in C(reason) why. After an engine was not heard for some time, changes may have been missed. Then
    one event C(resync) follows on C(restored).
  - Counted as a change are all of networks; that a container is created, started, restarted, renamed or removed, and
    that it ends; that the daemon reloads its settings; that a service of a swarm is created, updated or removed; and
    what cannot be read, as C(unreadable).
  - Of what a change is about, an event has the name alone, in which all but letters, digits and C(_.:/@-) is C(?).
    Labels, environments and commands are never in it.
  - A connection that is lost is tried again after one second, later after up to one minute.
requirements:
  - The Python libraries docker 7.1 and urllib3 2.2, or later
  - For O(engines) of C(ssh://) the program C(ssh). The account needs access to the engine's socket there, and the SSH
    server has to allow the forwarding of Unix sockets (AllowStreamLocalForwarding).
options:
  engines:
    description:
      - The engines, as a dictionary. The key is the name of the host in the inventory, the value where its engine is
        asked.
      - C(unix:///var/run/docker.sock), C(ssh://user@host:port), C(ssh://host/path/of/docker.sock) or C(tcp://host:2376).
        Proxies and certificates of the environment are not used.
      - At most 200. Each takes a thread, and with C(ssh://) a process of C(ssh).
    type: dict
    required: true
  quiet:
    description: Seconds without a change after which there is an event, 0 to 3600.
    type: float
    default: 5
  interval:
    description: Seconds between two events of one host about changes, at least; 1 to 86400. Not less than O(quiet).
    type: float
    default: 60
  resync_at_start:
    description: Whether there is an event C(resync) for each engine when it is reached for the first time.
    type: bool
    default: false
  tls_ca:
    description: File with the certificates of the authorities that engines of C(tcp://) are verified by.
    type: path
  tls_cert:
    description: File with the certificate of this client. Takes O(tls_key) as well.
    type: path
  tls_key:
    description: File with the key of this client's certificate.
    type: path
  unencrypted:
    description:
      - Whether C(tcp://) without TLS is allowed. Who reads it can change it, and who reaches such a port is root on its
        host.
    type: str
    choices: [refuse, allow]
    default: refuse
  ssh_args:
    description: Options of C(ssh), such as C([-i, /etc/eda/key]). It never asks for a password (BatchMode).
    type: list
    elements: str
    default: []
  timeout:
    description:
      - Seconds for a connection to be made, and for the engine to begin its answer, 1 to 300. To stop takes as long, if
        an engine is silent just then.
    type: float
    default: 10
  renew:
    description:
      - Seconds after which a request is made again, 10 to 86400, so that a connection that died silently is noticed. An
        engine remembers 256 events, and is asked for those since the last one. Take less where a proxy ends silent
        connections sooner.
    type: float
    default: 600
"""

EXAMPLES = r"""
- dockernet.baseline.docker_network:
    engines:
      web1: ssh://root@web1.example.com
      web2: ssh://root@web2.example.com:2222
      controller: unix:///var/run/docker.sock

- dockernet.baseline.docker_network:
    engines:
      db1: tcp://db1.example.com:2376
    tls_ca: /etc/eda/ca.pem
    tls_cert: /etc/eda/cert.pem
    tls_key: /etc/eda/key.pem
    interval: 300
"""

COUNTED = {
    "network": {"create", "connect", "disconnect", "destroy", "remove", "update", "prune"},
    "container": {"create", "start", "restart", "die", "rename", "destroy"},
    "daemon": {"reload"},
    "service": {"create", "update", "remove"},
}
"""What may change networking. A signal (kill) does not: a container that ends by it dies. Nor do exec and attach."""

MOST_ENGINES = 200
MOST_CONNECTING = 16
"""At once: a jump host refuses more that are not yet authenticated (MaxStartups)."""
MOST_LISTED = 20
MOST_NAME = 128
MOST_REASON = 300
MOST_LINE = 1 << 20
"""Bytes of one record of an engine. A longer one is not read, and counts as a change."""
READ_AT_ONCE = 1 << 16
MOST_NANOSECONDS = 1 << 63

FIRST_RETRY, LAST_RETRY = 1.0, 60.0
"""Seconds."""
STABLE = 60.0
"""Seconds that a connection has to last for the next loss of it to be tried again after FIRST_RETRY."""
PUNCTUAL = 2.0
"""Seconds before the time that we asked for, in which an engine may end its answer: its clock is known to a second."""
API_VERSION = "1.44"
"""Without one the SDK asks the engine, and reads the answer whole. Our requests have no version in their path."""
ENGINE_SOCKET = "/var/run/docker.sock"

log = logging.getLogger("dockernet.baseline.docker_network")


class Lost(Exception):
    """An engine cannot be heard. Its text says why, and is clean."""


# ---- options ---------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Settings:
    """The options, checked. Times in seconds."""

    engines: dict[str, SplitResult]
    quiet: float
    interval: float
    resync_at_start: bool
    tls_ca: str
    tls_cert: str
    tls_key: str
    unencrypted: str
    ssh_args: tuple[str, ...]
    timeout: float
    renew: float

    @property
    def uses_tls(self) -> bool:
        """Whether engines of tcp:// are asked with TLS."""
        return bool(self.tls_ca or self.tls_cert)


OPTIONS = {field.name for field in dataclasses.fields(Settings)}
FROM_RULEBOOK = {"eda_feedback_queue"}
"""What ansible-rulebook itself may add."""


def settings_of(args: dict[str, Any]) -> Settings:
    """Check the options. Raises ValueError, which names the option."""
    unknown = sorted(str(name) for name in args if name not in OPTIONS | FROM_RULEBOOK)
    if unknown:
        raise ValueError(f"unknown options: {', '.join(unknown)}. There are {', '.join(sorted(OPTIONS))}")
    quiet = _seconds(args, "quiet", 5.0, (0.0, 3600.0))
    settings = Settings(
        engines=_engines(args.get("engines")),
        quiet=quiet,
        interval=_seconds(args, "interval", max(60.0, quiet), (max(1.0, quiet), 86400.0)),
        resync_at_start=_yes_or_no(args, "resync_at_start"),
        tls_ca=_file(args, "tls_ca"),
        tls_cert=_file(args, "tls_cert"),
        tls_key=_file(args, "tls_key"),
        unencrypted=_choice(args, "unencrypted", ("refuse", "allow")),
        ssh_args=_texts(args, "ssh_args"),
        timeout=_seconds(args, "timeout", 10.0, (1.0, 300.0)),
        renew=_seconds(args, "renew", 600.0, (10.0, 86400.0)),
    )
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise ValueError("tls_cert and tls_key belong together: give both or none")
    plain = [name for name, url in settings.engines.items() if url.scheme == "tcp" and not settings.uses_tls]
    if plain and settings.unencrypted == "refuse":
        raise ValueError(
            f"engines: {', '.join(plain)}: tcp:// without TLS. Give tls_ca (and tls_cert, tls_key), use ssh://, or set "
            "unencrypted: allow"
        )
    return settings


def _engines(value: Any) -> dict[str, SplitResult]:
    if not isinstance(value, dict) or not value:
        raise ValueError("engines is needed: a dictionary of names of the inventory and URLs, {web1: ssh://root@web1}")
    if len(value) > MOST_ENGINES:
        raise ValueError(f"engines: {len(value)} are given, {MOST_ENGINES} is the most. Divide them among rulebooks")
    return {_host(name): _url(name, url) for name, url in value.items()}


def _host(name: Any) -> str:
    # It becomes the limit of a run: no pattern that means other hosts, and nothing that is a template.
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.:@-]*", name) or len(name) > MOST_NAME:
        raise ValueError(f"engines: {name!r} is not the name of a host in an inventory")
    return name


def _url(name: str, url: Any) -> SplitResult:
    wanted = "unix:///PATH, ssh://[USER@]HOST[:PORT][/PATH] or tcp://HOST:PORT"
    if not isinstance(url, str):
        raise ValueError(f"engines: {name}: the URL must be text: {wanted}")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"engines: {name}: {error}") from None
    # The URL is in no message that follows: it may have a password.
    if parts.password is not None:
        raise ValueError(f"engines: {name}: the URL has a password. Use a key (ssh_args) or certificates (tls_cert)")
    if parts.query or parts.fragment or not re.fullmatch(r"[!-~]*", url):
        raise ValueError(f"engines: {name}: the URL must be one of {wanted}")
    problem = {
        "unix": _unless(not parts.netloc and len(parts.path) > 1, "a path, unix:///var/run/docker.sock"),
        "ssh": _unless(bool(parts.hostname) and _is_word(parts) and ":" not in parts.path, "a host, ssh://HOST"),
        "tcp": _unless(bool(parts.hostname and port) and parts.path in ("", "/"), "host and port, tcp://HOST:2376"),
    }.get(parts.scheme, wanted)
    if problem:
        raise ValueError(f"engines: {name}: the URL needs {problem}")
    return parts


def _text_of(url: SplitResult) -> str:
    # geturl() leaves the slashes out where there is no host.
    return f"{url.scheme}://{url.netloc}{url.path}"


def _unless(fulfilled: bool, needed: str) -> str:  # noqa: FBT001
    return "" if fulfilled else needed


def _is_word(parts: SplitResult) -> bool:
    """Whether ssh takes neither host nor user for an option."""
    return not (parts.hostname or "").startswith("-") and not (parts.username or "").startswith("-")


def _seconds(args: dict[str, Any], name: str, default: float, limits: tuple[float, float]) -> float:
    value = args.get(name, default)
    try:
        number = float(value) if not isinstance(value, bool) else float("nan")
    except (TypeError, ValueError):
        number = float("nan")
    low, high = limits
    # Nothing compares with a nan.
    if not low <= number <= high:
        raise ValueError(
            f"{name} must be a number of seconds from {low:g} to {high:g}, and is {_clean(repr(value), 60)}"
        )
    return number


def _yes_or_no(args: dict[str, Any], name: str) -> bool:
    value = args.get(name, False)
    # Rulebooks give what is from a template as text.
    value = {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false")
    return value


def _choice(args: dict[str, Any], name: str, choices: tuple[str, ...]) -> str:
    value = args.get(name, choices[0])
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}")
    return str(value)


def _file(args: dict[str, Any], name: str) -> str:
    value = args.get(name) or ""
    if not isinstance(value, str):
        raise ValueError(f"{name} must be the path of a file")
    path = Path(value).expanduser()
    if value and not path.is_file():
        raise ValueError(f"{name}: there is no file {path}")
    return str(path) if value else ""


def _texts(args: dict[str, Any], name: str) -> tuple[str, ...]:
    value = args.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{name} must be a list of text, one word an item: [-i, /etc/eda/key]")
    return tuple(value)


# ---- what engines say ------------------------------------------------------------------------------------------------


def _clean(text: str, most: int) -> str:
    """Text of strangers without control characters and without what is a template to Ansible."""
    kept = re.sub(r"[^ -~]|[{}]", "?", text)
    return kept if len(kept) <= most else f"{kept[: most - 3]}..."


def _clean_name(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    kept = re.sub(r"[^A-Za-z0-9_.:/@-]", "?", text[: MOST_NAME + 1])
    return kept if len(kept) <= MOST_NAME else f"{kept[: MOST_NAME - 3]}..."


@dataclasses.dataclass(frozen=True)
class Change:
    """One thing that an engine said."""

    type: str
    action: str
    name: str


UNREADABLE = Change("unreadable", "unreadable", "")


class Lines:
    """Divides a stream into lines, and keeps no more than MOST_LINE bytes of it."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._too_long = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Return the lines that end in data. One that was too long is b"?", which is no JSON."""
        parts = data.split(b"\n")
        for part in parts[:-1]:
            self._add(part)
            line = b"?" if self._too_long else bytes(self._rest)
            self._rest.clear()
            self._too_long = False
            if line.strip():
                yield line
        self._add(parts[-1])

    def _add(self, part: bytes) -> None:
        self._too_long = self._too_long or len(self._rest) + len(part) > MOST_LINE
        if self._too_long:
            self._rest.clear()
        else:
            self._rest += part


def read_record(line: bytes) -> tuple[Change | None, int]:
    """Return the change that a record of an engine is, if it is one, and its time in nanoseconds (0: unknown)."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return UNREADABLE, 0
    if not isinstance(record, dict):
        return UNREADABLE, 0
    kind, said = record.get("Type"), record.get("Action")
    if not isinstance(kind, str) or not isinstance(said, str):
        return UNREADABLE, 0
    when = record.get("timeNano")
    nanoseconds = when if isinstance(when, int) and 0 < when < MOST_NANOSECONDS else 0
    if said not in COUNTED.get(kind, ()):
        return None, nanoseconds
    actor = record.get("Actor")
    attributes = actor.get("Attributes") if isinstance(actor, dict) else None
    name = attributes.get("name") if isinstance(attributes, dict) else ""
    return Change(kind, said, _clean_name(name)), nanoseconds


class Changes:
    """What one host's next event will say; of bounded size, filled by a thread and emptied by the event loop."""

    def __init__(self, settings: Settings, notify: Callable[[], None]) -> None:
        """``notify`` is called, by whatever thread, when something comes after nothing."""
        self._settings = settings
        self._notify = notify
        self._lock = threading.Lock()
        self._last_event = float("-inf")
        self._reset()

    def _reset(self) -> None:
        self._kind = ""
        self._count = 0
        self._actions: set[str] = set()
        self._listed: dict[Change, int] = {}
        self._first = self._last = 0.0
        self._times = ("", "")

    def add(self, change: Change) -> None:
        """Take a change."""
        with self._lock:
            is_first = self._touch("changed")
            self._count += 1
            self._actions.add(f"{change.type} {change.action}" if change is not UNREADABLE else "unreadable")
            if change in self._listed or len(self._listed) < MOST_LISTED:
                self._listed[change] = self._listed.get(change, 0) + 1
        if is_first:
            self._notify()

    def resync(self) -> None:
        """Changes may have been missed."""
        with self._lock:
            is_first = self._touch("resync")
        if is_first:
            self._notify()

    def _touch(self, kind: str) -> bool:
        """Note the time, and return whether this comes after nothing."""
        now, is_first = time.monotonic(), not self._kind
        said = datetime.datetime.now(tz=datetime.timezone.utc).isoformat(timespec="seconds")
        self._first, self._last = (now if is_first else self._first), now
        self._times = (said if is_first else self._times[0], said)
        self._kind = "resync" if "resync" in (kind, self._kind) else kind
        return is_first

    def due(self) -> float:
        """When there is to be an event (time.monotonic()): quiet long enough, not too late, and not too often."""
        with self._lock:
            calm = min(self._last + self._settings.quiet, self._first + self._settings.interval)
            return max(calm, self._last_event + self._settings.interval)

    def take(self) -> dict[str, Any]:
        """Return what there is to say, and start again with nothing."""
        with self._lock:
            listed = [dataclasses.asdict(change) for change in self._listed]
            said = {
                "kind": self._kind,
                "count": self._count,
                "actions": sorted(self._actions),
                "changes": listed,
                "left_out": self._count - sum(self._listed.values()),
                "first": self._times[0],
                "last": self._times[1],
            }
            self._last_event = time.monotonic()
            self._reset()
            return said


# ---- one connection, in a thread ------------------------------------------------------------------------------------


class Tunnel:
    """The socket of an engine behind SSH, as a Unix socket here.

    The SDK's own ssh:// knows no timeout, and a stream of it cannot be ended.
    """

    def __init__(self, url: SplitResult, settings: Settings) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dockernet-"))
        self.socket = self.folder / "docker.sock"
        self._seconds = settings.timeout
        options = {
            "ConnectTimeout": f"{max(1, round(settings.timeout))}",
            "ServerAliveInterval": "15",
            "ServerAliveCountMax": "3",
        }
        # ssh takes the first of two values: the user's come after those that we need.
        needed = {"BatchMode": "yes", "ControlMaster": "no", "ControlPath": "none", "ExitOnForwardFailure": "yes"}
        argv = ["ssh", "-T", *_as_options(needed), *settings.ssh_args, *_as_options(options)]
        argv += ["-L", f"{self.socket}:{url.path if len(url.path) > 1 else ENGINE_SOCKET}"]
        argv += ["-l", url.username] if url.username else []
        argv += ["-p", str(url.port)] if url.port else []
        # With its standard input, cat ends, and ssh with it, however this process ends.
        argv += ["--", str(url.hostname), "cat"]
        try:
            self._ssh = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
            )
        except OSError as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise Lost(f"ssh could not be started: {_reason(error)}") from error

    def wait(self, stopped: threading.Event) -> None:
        """Wait until the socket is there. Raises Lost."""
        end = time.monotonic() + self._seconds + 1
        while not self.socket.exists():
            if self._ssh.poll() is not None:
                raise Lost(f"ssh: {self._said() or f'exit status {self._ssh.returncode}'}")
            if time.monotonic() > end:
                raise Lost(f"ssh: no connection within {self._seconds:g} seconds")
            if stopped.wait(0.05):
                return

    def _said(self) -> str:
        errors = self._ssh.stderr
        if errors is None or errors.closed:
            return ""
        os.set_blocking(errors.fileno(), False)
        lines = (errors.read(4096) or b"").decode(errors="replace").strip().splitlines()
        return _clean(lines[-1], MOST_REASON) if lines else ""

    def close(self) -> None:
        """End ssh, and remove the socket."""
        self._ssh.kill()
        self._ssh.wait()
        for stream in (self._ssh.stdin, self._ssh.stderr):
            if stream is not None:
                stream.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _as_options(values: dict[str, str]) -> list[str]:
    return [word for name, value in values.items() for word in ("-o", f"{name}={value}")]


def _reason(error: BaseException) -> str:
    """Return the innermost words of an error of requests, which wraps it several times."""
    inner: BaseException | None = error
    while inner is not None:
        error = inner
        inside = [getattr(error, "reason", None), *error.args, error.__cause__]
        inner = next((part for part in inside if isinstance(part, BaseException) and part is not error), None)
    if isinstance(error, http.client.IncompleteRead):
        return "the engine closed it"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return _clean(str(text), MOST_REASON)


def _sdk() -> types.ModuleType:
    """The Docker SDK. Raises ValueError where it is not installed."""
    try:
        import docker
    except ImportError as error:
        raise ValueError(f"the Python library docker is needed, for the Python of ansible-rulebook: {error}") from None
    return docker


class Session:
    """One request for the events of one engine. All but close() is for a thread of its own."""

    def __init__(self, name: str, settings: Settings, since: int) -> None:
        """``since``: when the last event was that the engine has sent before, in nanoseconds, 0 if there was none."""
        self.since = since
        self._url, self._settings = settings.engines[name], settings
        self._stopped = threading.Event()
        self._tunnel: Tunnel | None = None
        self._client: Any = None
        self._response: Any = None
        self._end = 0.0

    def open(self) -> None:
        """Connect, and ask. Raises Lost."""
        try:
            self._connect()
        except Lost:
            raise
        # The errors of the SDK, requests and urllib3 are of no common kind, and a socket that another thread closes has
        # several more.
        except Exception as error:
            raise Lost(_reason(error)) from error
        finally:
            # What was made after close() had looked.
            if self._stopped.is_set():
                self.close()

    def _connect(self) -> None:
        docker = _sdk()
        if self._url.scheme == "ssh":
            self._tunnel = Tunnel(self._url, self._settings)
            self._tunnel.wait(self._stopped)
        self._client = docker.APIClient(version=API_VERSION, timeout=self._settings.timeout, **self._where(docker))
        # Not its proxies, its .netrc, nor its certificates in place of tls_ca (REQUESTS_CA_BUNDLE).
        self._client.trust_env = False
        now = self._engine_time()
        # A clock that was set back must not hide what comes after. Of now the second is known, which may be at its end.
        self.since = min(self.since or now, now + 10**9)
        self._response = self._ask("/events", self._question(now))
        # Events may be rare, but the answer ends at the time that we asked for.
        _socket_of(self._response).settimeout(self._settings.renew + 2 * self._settings.timeout)

    def _where(self, docker: types.ModuleType) -> dict[str, Any]:
        if self._tunnel is not None:
            return {"base_url": f"unix://{self._tunnel.socket}"}
        url = _text_of(self._url)
        if self._url.scheme != "tcp" or not self._settings.uses_tls:
            return {"base_url": url}
        own = (self._settings.tls_cert, self._settings.tls_key) if self._settings.tls_cert else None
        tls = docker.tls.TLSConfig(client_cert=own, ca_cert=self._settings.tls_ca or None, verify=True)
        return {"base_url": url, "tls": tls}

    def _ask(self, path: str, params: dict[str, str] | None = None) -> Any:
        """Ask, and return the answer when its head has come. Raises Lost for another status than 200."""
        if self._stopped.is_set():
            raise Lost("stopped")
        response = self._client.get(
            f"{self._client.base_url}{path}",
            params=params,
            stream=True,
            timeout=self._settings.timeout,
            # An engine does not send its clients elsewhere.
            allow_redirects=False,
        )
        if response.status_code != 200:
            said = response.raw.read1(MOST_REASON, decode_content=False).decode(errors="replace")
            response.close()
            raise Lost(_clean(f"the engine answers with status {response.status_code}: {said.strip()}", MOST_REASON))
        return response

    def _engine_time(self) -> int:
        """Now, in nanoseconds, by the engine's clock, which reads events and questions alike."""
        response = self._ask("/_ping")
        said = str(response.headers.get("Date", ""))
        response.close()
        self._end = time.monotonic() + self._settings.renew
        try:
            return int(email.utils.parsedate_to_datetime(said).timestamp()) * 10**9
        except (ValueError, OverflowError):
            return time.time_ns()

    def _question(self, now: int) -> dict[str, str]:
        actions = sorted(set().union(*COUNTED.values()))
        return {
            "since": f"{self.since // 10**9}.{self.since % 10**9:09d}",
            "until": str(now // 10**9 + int(self._settings.renew)),
            "filters": json.dumps({"type": sorted(COUNTED), "event": actions}),
        }

    def read(self, changes: Changes) -> None:
        """Read until the engine ends its answer at the time that we asked for. Raises Lost when it ends otherwise."""
        before, lines = self.since, Lines()
        try:
            while data := self._response.raw.read1(READ_AT_ONCE, decode_content=False):
                for line in lines.feed(data):
                    change, when = read_record(line)
                    self.since = max(self.since, when)
                    # The engine repeats what was at the very time that we asked since.
                    if change is not None and not 0 < when <= before:
                        changes.add(change)
        except Exception as error:
            raise Lost(f"the connection ended: {_reason(error)}") from error
        if time.monotonic() < self._end - PUNCTUAL:
            raise Lost("the connection ended: the engine closed it")

    def close(self) -> None:
        """End the connection; a thread that reads from it goes on at once. For any thread, and more than once."""
        self._stopped.set()
        response, self._response = self._response, None
        if response is not None:
            _hang_up(response)
        client, self._client = self._client, None
        if client is not None:
            client.close()
        tunnel, self._tunnel = self._tunnel, None
        if tunnel is not None:
            tunnel.close()


def _socket_of(response: Any) -> socket.socket:
    # Where the SDK's CancellableStream has it from; requests and urllib3 have no other way to it.
    found: socket.socket = response.raw._fp.fp.raw._sock  # noqa: SLF001
    return found


def _hang_up(response: Any) -> None:
    docker = _sdk()
    try:
        docker.types.CancellableStream(iter(()), response).close()
    except (OSError, AttributeError, docker.errors.DockerException):
        # It has ended already.
        response.close()


# ---- one engine ------------------------------------------------------------------------------------------------------


class Engine:
    """Follows one engine for as long as it is let."""

    def __init__(self, name: str, settings: Settings, queue: asyncio.Queue[Any], pool: ThreadPoolExecutor) -> None:
        self._name, self._settings, self._queue, self._pool = name, settings, queue, pool
        self._loop = asyncio.get_running_loop()
        self._something = asyncio.Event()
        self._changes = Changes(settings, self._wake)

    def _wake(self) -> None:
        """Have make_events() look, from whatever thread."""
        self._loop.call_soon_threadsafe(self._something.set)

    async def listen(self, connecting: asyncio.Semaphore) -> None:
        """Listen, and connect again whenever that ends."""
        since, retry, is_lost, is_new = 0, FIRST_RETRY, False, True
        while True:
            session = Session(self._name, self._settings, since)
            opened = time.monotonic()
            try:
                async with connecting:
                    await self._in_thread(session, session.open)
                opened = time.monotonic()
                await self._say_connected(is_lost=is_lost, is_new=is_new)
                is_lost = is_new = False
                await self._in_thread(session, functools.partial(session.read, self._changes))
            except Lost as lost:
                await self._say_lost(str(lost), is_lost=is_lost)
                is_lost = True
            finally:
                session.close()
            since = session.since
            if is_lost:
                retry = FIRST_RETRY if time.monotonic() - opened > STABLE else retry
                await asyncio.sleep(retry)
                retry = min(retry * 2, LAST_RETRY)

    async def _say_connected(self, *, is_lost: bool, is_new: bool) -> None:
        if is_lost:
            await self._put({"kind": "connection", "connection": "restored", "reason": ""})
        if is_lost or (is_new and self._settings.resync_at_start):
            self._changes.resync()

    async def _say_lost(self, reason: str, *, is_lost: bool) -> None:
        """Say it once, however often it is tried again."""
        log.warning("%s: %s", self._name, reason)
        if not is_lost:
            await self._put({"kind": "connection", "connection": "lost", "reason": reason})

    async def _in_thread(self, session: Session, work: Callable[[], None]) -> None:
        """Have a thread do it. When this is cancelled, the thread is made to end, and has ended."""
        running: Future[None] = self._pool.submit(work)
        try:
            await asyncio.wrap_future(running)
        except asyncio.CancelledError:
            session.close()
            while not running.done():
                await asyncio.sleep(0.02)
            raise

    async def make_events(self) -> None:
        """Make an event whenever one is due."""
        while True:
            await self._something.wait()
            self._something.clear()
            while (left := self._changes.due() - time.monotonic()) > 0:
                await asyncio.sleep(left)
            await self._put(self._changes.take())

    async def _put(self, said: dict[str, Any]) -> None:
        engine = _text_of(self._settings.engines[self._name])
        event = {"host": self._name, "engine": engine, **said}
        await self._queue.put({"docker_network": event, "meta": {"hosts": [self._name]}})


async def main(queue: asyncio.Queue[Any], args: dict[str, Any]) -> None:
    """Put an event into the queue whenever the networking of an engine may have changed.

    Runs until it is cancelled; no thread, process or file of it is left then. Raises ValueError for wrong options.
    """
    settings = settings_of(args)
    _sdk()
    connecting = asyncio.Semaphore(MOST_CONNECTING)
    pool = ThreadPoolExecutor(max_workers=len(settings.engines), thread_name_prefix="docker_network")
    engines = [Engine(name, settings, queue, pool) for name in settings.engines]
    work = [engine.listen(connecting) for engine in engines] + [engine.make_events() for engine in engines]
    tasks = [asyncio.ensure_future(part) for part in work]
    try:
        # Unlike gather() this leaves it to us to cancel them, once: each then waits for its thread.
        ended, dummy = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        pool.shutdown(wait=False)
    for task in ended:
        task.result()


if __name__ == "__main__":
    # To see events without a rulebook: docker_network.py '{"engines": {"here": "unix:///var/run/docker.sock"}}'
    import sys

    class _Shown(asyncio.Queue[Any]):
        async def put(self, item: Any) -> None:
            print(json.dumps(item), flush=True)  # noqa: T201

    asyncio.run(main(_Shown(), json.loads(sys.argv[1])))
