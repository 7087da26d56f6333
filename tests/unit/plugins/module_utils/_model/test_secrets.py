"""No password gets into a snapshot, and what is none stays as it is."""

from __future__ import annotations

import base64
import json
import time

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model import secrets
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import (
    MASK,
    mask_argv,
    mask_data,
    mask_text,
    mask_values,
    secrets_in,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.planted_secrets import ORDINARY, PLANTED, SECRET


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://me:pw@mirror.example/x", f"https://{MASK}@mirror.example/x"),
        ("https://me:p@w@mirror.example/x", f"https://{MASK}@mirror.example/x"),
        ("tcp://token@192.0.2.1:1,tcp://u:p@h", f"tcp://{MASK}@192.0.2.1:1,tcp://{MASK}@h"),
        ("https://mirror.example/a@b", "https://mirror.example/a@b"),
        ("me@example.org", "me@example.org"),
    ],
)
def test_credentials_of_urls(text: str, masked: str) -> None:
    assert mask_text(text) == masked


def test_values_of_daemon_json() -> None:
    masked = mask_values(
        {
            "proxies": {"http-proxy": "http://proxy.example:3128", "no-proxy": ""},
            "registry-mirrors": ["https://u:p@mirror.example"],
            "log-opts": {"splunk-token": "t0k3n", "max-size": "1m"},
            "mtu": 1400,
            "icc": False,
        }
    )
    assert masked == {
        "proxies": {"http-proxy": MASK, "no-proxy": ""},
        "registry-mirrors": [f"https://{MASK}@mirror.example"],
        "log-opts": {"splunk-token": MASK, "max-size": "1m"},
        "mtu": 1400,
        "icc": False,
    }


def test_command_lines() -> None:
    words = [
        "dockerd",
        "--http-proxy",
        "http://a",
        "--https-proxy=http://b",
        "--log-opt",
        "splunk-token=t",
        "--mtu",
        "9",
    ]
    masked = [
        "dockerd",
        "--http-proxy",
        MASK,
        f"--https-proxy={MASK}",
        "--log-opt",
        f"splunk-token={MASK}",
        "--mtu",
        "9",
    ]
    assert mask_argv(words) == masked
    assert mask_argv(["dockerd", "--log-opt=splunk-token=t"]) == ["dockerd", f"--log-opt=splunk-token={MASK}"]


@pytest.mark.parametrize("text", PLANTED)
def test_what_is_planted_is_not_found(text: str) -> None:
    for masked in (mask_text(text), mask_text(f"dockerd: failed: {text}; giving up"), mask_text(json.dumps([text]))):
        assert SECRET not in masked
        assert MASK in masked
        assert mask_text(masked) == masked
    for told in (mask_values({"x": text}), mask_values({"x": [text]}), mask_data([{"name": "x", "value": text}])):
        assert SECRET not in json.dumps(told)
    assert SECRET not in json.dumps(mask_argv(["dockerd", "--log-opt", text]))


@pytest.mark.parametrize(("name", "value"), ORDINARY.items())
def test_ordinary_labels_stay_as_they_are(name: str, value: str) -> None:
    assert mask_values({name: value}) == {name: value}
    assert mask_values({"labels": [f"{name}={value}"]}) == {"labels": [f"{name}={value}"]}
    assert mask_data([{"name": name, "value": value}]) == [{"name": name, "value": value}]
    assert mask_text(f"label {name}: {value}") == f"label {name}: {value}"
    assert mask_text(json.dumps({name: value})) == json.dumps({name: value})


@pytest.mark.parametrize(
    "name",
    [
        "app.api_token",
        "DB_PASSWORD",
        "db.pass",
        "MYSQL_PWD",
        "clientSecret",
        "dbPass",
        "dd-api-key",
        "traefik.http.middlewares.a.basicauth.users",
        "traefik.http.middlewares.a.headers.customrequestheaders.Authorization",
        "AWS_SECRET_ACCESS_KEY",
        "TS_AUTHKEY",
        "splunk-token",
    ],
)
def test_what_is_named_like_a_secret_is_one(name: str) -> None:
    assert mask_values({name: "a b"}) == {name: MASK}
    assert mask_values({"x": {"y": [{name: ["a", {"b": "c", "d": 1234, "e": True}]}]}}) == {
        "x": {"y": [{name: [MASK, {"b": MASK, "d": MASK, "e": True}]}]}
    }
    assert mask_argv([f"{name}=a b"]) == [f"{name}={MASK}"]
    assert mask_argv([f"--log-opt={name}=a b"]) == [f"--log-opt={name}={MASK}"]
    assert mask_data({"name": name, "value": "a b"}) == {"name": name, "value": MASK}


@pytest.mark.parametrize(
    "text",
    [
        "web-token:8080/tcp is published, secret:80/tcp is not",
        "registry.example/vault-secrets:1.2.3-alpine",
        "container token: it shares nothing",
        "secret: published on 0.0.0.0",
        "labels.token == 'shop' && labels.secret != 'x'",
        "net.ipv4.conf.br-secret.forwarding = 1",
        "a basic baseline, and a bearer of news",
        "iptables -A DOCKER-USER -i br-token -j DROP",
        "https://registry.example:5000/shop/web@sha256:0123456789abcdef",
        "http://[2001:db8::1]:8080/a@b",
        "password: off",
        "net.ipv4.tcp_fastopen_key is not read",
    ],
)
def test_sentences_stay_as_they_are(text: str) -> None:
    assert mask_text(text) == text


def test_the_words_after_a_flag_that_takes_a_secret() -> None:
    words = ["x", "--api-token", "a", "--token-file", "/f", "--password", "--debug", "-H", "Authorization: Basic abc"]
    assert mask_argv(words) == ["x", "--api-token", MASK, *words[3:8], f"Authorization: {MASK}"]


def test_arguments_and_environments_in_lists() -> None:
    given, told = ([f"--token={value}", "--debug=true"] for value in ("abc", MASK))
    assert mask_values({"runtimes": {"r": {"runtimeArgs": given}}}) == {"runtimes": {"r": {"runtimeArgs": told}}}
    assert mask_values({"env": ["DB_PASS=x y", "PATH=/bin"]}) == {"env": [f"DB_PASS={MASK}", "PATH=/bin"]}
    assert mask_values({"labels": ["password=x y", "tier=web"]}) == {"labels": [f"password={MASK}", "tier=web"]}


def test_secrets_are_told_where_they_are_long_enough() -> None:
    values = {"log-opts": {"token": "correct horse", "t-token": "abc"}, "labels": ["password=battery"], "debug": True}
    assert secrets_in({**values, "proxies": {"http-proxy": "http://p"}}) == {"correct horse", "battery", "http://p"}


SIGNS = ("token", "password", "=", ":", ": ", '"', "'", "\\", "{", "[", "]", "map[", "://", "@", "?sig=", "basic ")
pieces = st.sampled_from([*PLANTED, *SIGNS])


@given(st.lists(pieces | st.text(max_size=4), max_size=12).map("".join))
def test_masking_raises_on_nothing_and_is_done_once(text: str) -> None:
    once = mask_text(text)
    assert mask_text(once) == once
    words = mask_argv([text, text])
    assert mask_argv(words) == words
    values = mask_values({"x": text, "y": [text], "z": {"a": text}})
    assert mask_values(values) == values


@pytest.mark.parametrize(
    "piece",
    [
        "token=", 'token="', "token: a ", 'token="\\"', "token=[", "a", "=", "://", "://a:", "basic aaaa", "bearer ",
        "eyJ", "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\n-----END ", "map[", "map[token:", "$apr1$",
        "\\", "token\\", "{SHA}", "?sig=", "a=", "pass", "_", "[", "token={}", "A",
    ],
)  # fmt: skip
def test_the_time_grows_with_the_length(piece: str) -> None:
    short, long = (piece * (length // len(piece)) for length in (15_000, 60_000))
    # Of processor time, which varies with what else a machine does: where it grows with the square, it always does.
    assert any(_seconds(long) < 6 * _seconds(short) + 0.1 for dummy in range(5))


def _seconds(text: str) -> float:
    taken = []
    for dummy in range(3):
        began = time.process_time()
        mask_text(text)
        mask_argv([text])
        taken.append(time.process_time() - began)
    return min(taken)


@pytest.mark.parametrize("piece", ["{", "{{ x }} ", "$", "$HOME ", "A", "xA"])
def test_what_ordinary_texts_are_full_of_begins_no_secret(piece: str) -> None:
    # Each beginning costs ten times what the search for it does, and labels have megabytes.
    assert secrets._SHAPE_BEGINS.search(piece * 10) is None


def test_a_name_without_any_word_of_a_secret_is_not_searched_for_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_SECRET_NAME", None)
    assert not secrets.is_secret("A" * 100)


@pytest.mark.parametrize(
    "name", ["API-Key", "dbPass", "x_pwd", "ACCOUNTKEY", "pa\u017f\u017fword", "\u212aafka.PassPhrase"]
)
def test_a_name_of_a_secret_in_any_case_is_one(name: str) -> None:
    assert secrets.is_secret(name)


@pytest.mark.parametrize("letter", ["\u017f", "\u212a"])
def test_letters_that_count_as_others_where_case_is_of_no_matter_do_no_harm(letter: str) -> None:
    assert mask_text(f"basic {letter * 8}") == f"basic {letter * 8}"


def test_names_that_begin_within_the_beginning_of_another() -> None:
    assert mask_text("accountoken=abc123def") == f"accountoken={MASK}"


def test_basic_credentials() -> None:
    code = base64.b64encode(f"me:{SECRET}".encode()).decode()
    assert mask_text(f"proxy said: Basic {code} is wrong") == f"proxy said: Basic {MASK} is wrong"
