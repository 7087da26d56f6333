"""What the engine can say: of strangers' containers whatever they gave it, and all that is no answer of an engine."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    CONNTRACK,
    CONTAINER_NAMESPACES,
    ENGINE,
    NAMESPACES,
    PROCESSES,
)

from tests.hostile import nasty
from tests.hostile.engine_server import Answer, Raw, pause
from tests.hostile.hostilities import hostility
from tests.hostile.hosts import STRANGERS
from tests.hostile.world import World

# What no one who starts a container decides.
_ALL_OF_IT = (ENGINE, NAMESPACES, CONTAINER_NAMESPACES)
_ENDLESS = b'"' + b"x" * 65536
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@hostility(12)
def words_of_strangers_containers(world: World, dice: random.Random) -> None:
    """What `docker run` takes without a check: labels above all, and what older or other engines would let through."""
    for who in dice.sample(STRANGERS, dice.choice((1, 2))):
        document = world.inspect(who)
        config = document["Config"]
        config["Labels"] = nasty.labels(dice)
        if dice.random() < 0.4:
            config["Image"] = nasty.word(dice)
        if dice.random() < 0.4:
            document["Name"] = f"/{nasty.word(dice)}"
        if dice.random() < 0.3:
            document["State"]["StartedAt"] = nasty.word(dice)
        if dice.random() < 0.2:
            # Of a process that is gone, or another's: its namespace is not read, and no one else's is concerned.
            document["State"]["Pid"] = dice.choice((0, -1, 1, 2**22, 2**31, 2**63, 999_999))
            world.touched.update((NAMESPACES, CONTAINER_NAMESPACES))
        host = document["HostConfig"]
        if dice.random() < 0.3:
            host["NetworkMode"] = dice.choice((nasty.word(dice), f"container:{document['Id']}", "host", "none"))
        if dice.random() < 0.3:
            host["CapAdd"] = [nasty.word(dice) for dummy in range(dice.choice((1, 5)))]


@hostility(6)
def ports_and_addresses_of_strangers(world: World, dice: random.Random) -> None:
    for who in dice.sample(STRANGERS, dice.choice((1, 2))):
        settings = world.inspect(who)["NetworkSettings"]
        for dummy in range(dice.choice((1, 3))):
            port = dice.choice(("80/tcp", "80", "/", "²/tcp", "99999999/udp", "-1/tcp", "53/sctp", nasty.word(dice)))
            binding = {
                "HostIp": nasty.word(dice),
                "HostPort": dice.choice(("8099", "²", "99999", "", nasty.word(dice))),
            }
            # What dockerd holds a socket for, the engine says as well, whatever the owner of a container does.
            settings["Ports"].setdefault(port, dice.choice((None, [], [binding], [binding] * 300)))
        endpoint = dice.choice(list(settings["Networks"].values()))
        for key in dice.sample(sorted(endpoint), 2):
            endpoint[key] = dice.choice(("", nasty.word(dice)))
        if dice.random() < 0.3:
            settings["Networks"][nasty.word(dice)] = {"IPAddress": nasty.word(dice), "NetworkID": "f" * 64}


@hostility(5)
def networks_of_strangers(world: World, dice: random.Random) -> None:
    """Whoever may ask the engine may make some; addresses that make no sense are an older engine's, or a plugin's."""
    count = dice.choice((1, 1, 3, 300))
    for number in range(count):
        name = nasty.word(dice) if count < 300 else dice.choice(nasty.WORDS)
        subnet = {"Subnet": nasty.word(dice) if count < 300 else name, "Gateway": name}
        network: dict[str, Any] = {
            "Id": f"{number:052x}".rjust(64, "e"),
            "Name": f"{name}{number}",
            "Driver": dice.choice(("bridge", "macvlan", "x\n")),
            "Scope": dice.choice(("local", "swarm", "")),
            "Labels": nasty.labels(dice) if number < 3 else {},
            "Options": {name: name, "com.docker.network.bridge.name": f"gone{number}"},
            "IPAM": {"Config": dice.choice((None, [], [{}], [subnet]))},
        }
        world.documents["/networks"].append(network)


@hostility(2)
def very_many_containers(world: World, dice: random.Random) -> None:
    stranger = world.inspect(STRANGERS[0])
    for number in range(dice.choice((50, 400))):
        identity = f"{number:052x}".rjust(64, "d")
        copy = json.loads(json.dumps(stranger))
        copy.update(Id=identity, Name=f"/{nasty.WORDS[number % 40]}{number}")
        copy["State"]["Pid"] = 0
        copy["NetworkSettings"] = {"Networks": {}, "Ports": {}}
        world.documents["/containers/json"].append({"Id": identity})
        world.documents[f"/containers/{identity}/json"] = copy


@hostility(4)
def containers_that_the_engine_knows_no_more(world: World, dice: random.Random) -> None:
    for dummy in range(dice.choice((1, 20))):
        world.documents["/containers/json"].append({"Id": dice.choice(("f" * 64, "../../x", "a b", "é", "a\r\nX: y"))})
    world.touched.update(_ALL_OF_IT)


@hostility(10, is_last=True)
def wrong_types_anywhere(world: World, dice: random.Random) -> None:
    path = dice.choice([*world.documents, "/version", "/info", "/networks", "/containers/json"])
    holder = [world.documents[path]]
    nasty.spoil_document(holder, dice)
    world.documents[path] = holder[0] if holder else None
    world.touched.update((*_ALL_OF_IT, PROCESSES, CONNTRACK))


def _dripping(body: bytes) -> Iterator[bytes]:
    yield _HEAD + b"Content-Length: %d\r\n\r\n" % (len(body) + 10**6)
    for at in range(len(body)):
        yield body[at : at + 1]
        pause(0.05)
    while True:
        yield b" "
        pause(0.05)


def _head_in_drops(dummy: bytes) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        yield b"X"
        pause(0.05)


def _endless_head(dummy: bytes) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    number = 0
    while True:
        yield b"X-%d: %s\r\n" % (number, b"y" * 1000)
        number += 1


def _endless_line(dummy: bytes) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nX: "
    while True:
        yield b"y" * 65536


def _endless_body(dummy: bytes) -> Iterator[bytes]:
    yield _HEAD + b"Content-Length: 99999999999999\r\n\r\n"
    while True:
        yield _ENDLESS


def _endless_chunks(dummy: bytes) -> Iterator[bytes]:
    yield _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    while True:
        yield b"10000\r\n" + b"x" * 65536 + b"\r\n"


def _drops_of_chunks(dummy: bytes) -> Iterator[bytes]:
    yield _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    while True:
        yield b"1\r\n \r\n"
        pause(0.05)


def _endless_continue(dummy: bytes) -> Iterator[bytes]:
    while True:
        yield b"HTTP/1.1 100 Continue\r\n\r\n"
        pause(0.01)


def _silent(dummy: bytes) -> Iterator[bytes]:
    while True:
        yield pause(0.05)


def _once(text: bytes) -> Iterator[bytes]:
    yield text


STREAMS = (
    _dripping,
    _head_in_drops,
    _endless_head,
    _endless_line,
    _endless_body,
    _endless_chunks,
    _drops_of_chunks,
    _endless_continue,
    _silent,
)


def _texts(body: bytes) -> list[bytes]:
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    return [
        b"",
        b"\r\n",
        b"garbage",
        b"HTTP/1.1",
        b"HTTP/1.1 200",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 99999 OK\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n" + body,
        _HEAD + b"\r\n" + body,
        _HEAD + b"Content-Length: 5\r\n\r\n" + body,
        _HEAD + b"Content-Length: 999999\r\n\r\n" + body,
        _HEAD + b"Content-Length: -5\r\n\r\n" + body,
        _HEAD + b"Content-Length: x\r\n\r\n" + body,
        _HEAD + length[:-2] + length + body,
        _HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + body,
        _HEAD + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n" + body,
        _HEAD + b"Transfer-Encoding: gzip\r\n" + length + body,
        _HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" + body,
        b"HTTP/1.1 200 " + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300 + length + body,
        b"HTTP/1.1 200 OK\r\n\xff\xfe: \xff\r\n" + length + body,
        b"HTTP/1.1 200 OK\r\nno colon\r\n" + length + body,
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
        b"HTTP/1.1 301 Moved\r\nLocation: http://203.0.113.9/\r\nContent-Length: 0\r\n\r\n",
        _HEAD + length + body[:-1],
        b"<html><body>502 Bad Gateway</body></html>",
        b"\x16\x03\x01\x02\x00\x01\x00",
        body,
    ]


def _bodies(body: bytes) -> list[bytes]:
    deep = 200_000
    return [
        b"",
        b" ",
        b"null",
        b"[]",
        b"{}",
        b"0",
        b'""',
        b"true",
        b"[" * deep,
        b'{"a":' * deep,
        b"[" * 900 + b"]" * 900,
        b"NaN",
        b"-Infinity",
        b"1" * 5000,
        b"[" + b"1" * 5000 + b"]",
        b"\xef\xbb\xbf" + body,
        body.decode().encode("utf-16"),
        body.replace(b'"Id"', b'"Id": 1, "Id"'),
        body + body,
        body[: len(body) // 2],
        b"\xff" * 20,
        body.replace(b"e", b"\xff"),
        b'{"message": ' + body + b"}",
        b"<html>",
        b"[null]" * 3,
        b'[{"Id": "' + b"x" * 3_000_000 + b'"}]',
        b"[" + b"{}," * 300_000 + b"{}]",
        b'"' + b"\\ud800" * 100_000 + b'"',
        b"[" + b"[]," * 1_500_000 + b"[]]",
    ]


@hostility(8)
def answers_that_are_no_http(world: World, dice: random.Random) -> None:
    path, body = _one(world, dice)
    world.answers[path] = Answer(raw=_raw(_once, dice.choice(_texts(body))))


@hostility(8)
def answers_that_are_no_document(world: World, dice: random.Random) -> None:
    path, body = _one(world, dice)
    world.answers[path] = Answer(dice.choice(_bodies(body)), dice.choice((200, 200, 200, 400, 404, 500, 503)))


@hostility(2)
def answers_that_never_end(world: World, dice: random.Random) -> None:
    path, body = _one(world, dice)
    world.answers[path] = Answer(raw=_raw(dice.choice(STREAMS), body))


def _raw(stream: Any, body: bytes) -> Raw:
    return lambda: stream(body)


def _one(world: World, dice: random.Random) -> tuple[str, bytes]:
    """A path whose answer is no engine's, and what a real one would have said."""
    world.touched.update((*_ALL_OF_IT, PROCESSES, CONNTRACK))
    path = dice.choice([*world.documents, "/version", "/info", "/networks", "/containers/json"])
    return path, json.dumps(world.documents[path]).encode("utf-8", "surrogatepass")
