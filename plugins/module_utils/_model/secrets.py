# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes secrets out of whatever leaves the host: by the name that a value has, and by what a value looks like.

What is masked stays as it is when it is masked again. The time grows with the length of a text, not with its square.
Names of files, switches and small numbers are no secrets, whatever their names are.
"""

from __future__ import annotations

import base64
import functools
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MASK = "********"
# A secret of a few characters is part of texts that are none.
_LONG_ENOUGH = 6
_PASSES = 4
_OF_PAIR = {"name", "value"}
_NO_TEXT = frozenset((int, float, bool, type(None)))
# Characters of a text that is kept with its masked form.
_SHORT = 256
_PROXIES = ("--http-proxy", "--https-proxy")
_WORD_BEFORE = re.compile(r"[\w.-]{1,256}\Z")

_WORD = (
    r"token|passw(?:or)?d|passphrase|secret|credential|basic[-_.]?auth[-_.]?users?(?![a-z])|connection[-_.]?string"
    r"|(?:api|access|private|auth|account|encryption|signing|master|shared|session)[-_.]?key"
    r"|(?<![a-z])pass(?![a-z])|(?-i:(?<=[a-z])Pass(?![a-z]))|(?<=[_.-])pwd(?![a-z])|authorization(?![\w-])"
)
_SECRET_NAME = re.compile(rf"{_WORD}|^_?auth$", re.IGNORECASE)
# Where the secret is, or what is so of it, and not what it is.
_ABOUT = re.compile(r"(?:files?|path|dir|folder|endpoint|name|type|ttl|policy|length|plugins?)$", re.IGNORECASE)
_NO_SECRET = re.compile(rf"(?:true|false|yes|no|on|off|null|none|nil|\d{{1,2}}|{re.escape(MASK)})?", re.IGNORECASE)

# The user's part of a URL ends at the last "@" before the path (RFC 3986, section 3.2.1), and people who do not know
# that put "/" and "#" into passwords. A mistyped scheme makes what follows no less of a secret.
_CREDENTIALS = re.compile(r"://(?:[^/?#\s]*@|(?!\[)[^\s:/@]{0,256}:(?!\d{1,5}(?:[/?#\s]|$))[^\s@]{0,512}@)")
_QUERY = re.compile(
    r"(?P<name>[?&;](?:sig|signature|key|auth|code|x-(?:amz|goog)-(?:signature|credential|security-token))=)[^&\s\"'#]+",
    re.IGNORECASE,
)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:.*?-----END [A-Z ]{0,40}-----|.*)", re.DOTALL)
_SHAPES = re.compile(
    # Keys of AWS, GitHub, GitLab, Slack, Stripe, Google, npm, Docker, Hashicorp Vault and swarms.
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_\w{16,}|\bgl(?:pat|rt|dt)-[\w-]{16,}"
    r"|\bxox[a-z]-[\w-]{8,}|\bxapp-[\w-]{8,}|\b[sr]k_(?:live|test)_\w{16,}|\bAIza[\w-]{30,}|\bya29\.[\w-]{16,}"
    r"|\bnpm_\w{30,}|\bdckr_(?:pat|oat)_[\w-]{16,}|\bhv[sb]\.[\w-]{16,}|\bSWMTKN-1-[\w-]{16,}"
    r"|hooks\.slack\.com/services/[\w/]{8,}"
    # A JSON Web Token, whose first part begins with {" in Base64.
    r"|(?<![\w-])eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?"
    # Hashes of crypt(5) and of htpasswd(1), with the dollars doubled as in files of Compose, or in Base64.
    r"|\$\$?(?:apr1|1|2[abxy]?|5|6|7|y|gy|argon2\w{1,2}|pbkdf2[\w-]{0,20}|scrypt)\$\$?[\w./$=,+*-]{8,}"
    r"|\{(?:SHA|SSHA|MD5|SMD5|CRYPT|BCRYPT|PBKDF2)(?:[-\w]{0,10})\}[\w./$=,+-]{8,}|\bJDJ[abxy]J[A-Za-z0-9+/=]{16,}",
)
_SHAPE_BEGINS = re.compile(
    r"\$\$?(?:apr1|[12567y]|gy|argon2|pbkdf2|scrypt)|\{(?:S?SHA|S?MD5|B?CRYPT|PBKDF2)|A(?:KIA|SIA|Iza)"
    r"|g(?:h[pousr]_|ithub_pat_|l(?:pat|rt|dt)-)|x(?:ox[a-z]-|app-)|[sr]k_|ya29\.|npm_|dckr_|hv[sb]\.|SWMTKN"
    r"|hooks\.slack|eyJ|JDJ"
)
_BEARER = re.compile(r"\b(?P<scheme>bearer\s{1,4})(?=\S*\d|\S{20})\S{8,}", re.IGNORECASE)
_BASIC = re.compile(r"\b(?P<scheme>basic\s{1,4})(?P<code>[A-Za-z0-9+/]{6,2048}={0,2})", re.IGNORECASE)
_SCHEMES = ("basic", "bearer", "digest", "token", "negotiate", "apikey")

# A name and the sign after it; what follows is looked at by hand, so that no search goes over a text twice. The rest of
# a name is taken whole (no sign is a part of one), and not tried again with each letter less.
_NAMED = re.compile(
    rf"(?P<name>(?:{_WORD}|(?<=[\"'])_?auth(?=[\"'\\])|(?<![\w.-])_auth(?![\w-]))(?=(?P<rest>[\w.-]{{0,64}}))(?P=rest))"
    r"(?P<sign>\\*[\"']?\s{0,8}(?:=>|:|=(?!=)))",
    re.IGNORECASE,
)
# What a name begins with, in ASCII of lower case: to look for that first takes a tenth of the time.
_NAME_BEGINS = re.compile(
    "token|pass|secret|credential|basic|connection|a(?:pi|ccess|uth|ccount)|private|encryption|signing|master|s(?:hared|ession)"
    "|pwd|_auth"
)
_MAP_OF_GO = re.compile(r"(?<=map\[)[^\n]{1,65536}")
_IN_MAP = re.compile(rf"(?P<name>(?:{_WORD})[\w.-]{{0,64}}):(?P<value>[^\s\]]+)", re.IGNORECASE)
_BLANKS = re.compile(r"[ \t]{0,8}")
_OPENING = re.compile(r"\\{0,8}[\"']")
_UNQUOTED = re.compile(r"\S+")
_BRACKET = re.compile(r"[][{}]")
_CLOSING = "\"',;)]}:.\\"
_MIXED = re.compile(r"(?=\S*[A-Za-z])(?=\S*\d)(?!\d+/)\S{8,}")
_SPELLED_OUT = re.compile(
    r"passw|passphrase|authorization|api[-_.]?key|access[-_.]?key|private[-_.]?key", re.IGNORECASE
)
# One of these is in every text that has a secret in it, in lower case; to look for them is far quicker than a pattern.
_HINTS_OF_NAMES = ("token", "pass", "secret", "credential", "auth", "key", "pwd", "connection")
_HINTS_OF_SHAPES = (
    *("akia", "asia", "gh", "github", "glpat", "glrt", "gldt", "xox", "xapp", "k_live", "k_test", "aiza", "ya29"),
    *("npm_", "dckr", "hvs.", "hvb.", "swmtkn", "eyj", "jdj", "slack", "$", "{"),
)


def is_secret(name: str) -> bool:
    """Whether what has that name is to be kept back."""
    # Names are a stranger's, too, and can have megabytes. Letters beyond ASCII can stand for others.
    if name.isascii() and not _has_any(_HINTS_OF_NAMES, name.lower()):
        return False
    return _SECRET_NAME.search(name) is not None and _ABOUT.search(name) is None


def mask_text(text: str) -> str:
    """Return text with every secret in it masked that is known by its name or its shape."""
    return _mask_short(text) if len(text) <= _SHORT else _mask_anew(text)


@functools.lru_cache(maxsize=4096)
def _mask_short(text: str) -> str:
    # More than half of the texts in a snapshot and in a document stand there several times.
    return _mask_anew(text)


def _mask_anew(text: str) -> str:
    # What one mask takes away may have kept another from being seen.
    for dummy in range(_PASSES):
        masked = _mask_once(text)
        if masked == text:
            break
        text = masked
    return text


def _mask_once(text: str) -> str:
    lowered = text.lower()
    if "-----begin" in lowered:
        text = _PRIVATE_KEY.sub(MASK, text)
    if "://" in lowered and "@" in lowered:
        text = _CREDENTIALS.sub(f"://{MASK}@", text)
    if "=" in lowered:
        text = _QUERY.sub(rf"\g<name>{MASK}", text)
    if _has_any(_HINTS_OF_NAMES, lowered):
        text = _MAP_OF_GO.sub(_mask_map, text)
        text = _mask_named(text)
    if "bearer" in lowered:
        text = _BEARER.sub(rf"\g<scheme>{MASK}", text)
    if "basic" in lowered:
        text = _BASIC.sub(_mask_basic, text)
    if _has_any(_HINTS_OF_SHAPES, lowered):
        text = _mask_shapes(text)
    return text


def _has_any(hints: Sequence[str], lowered: str) -> bool:
    for hint in hints:  # noqa: SIM110 (any() takes three times as long, and this is asked of each text)
        if hint in lowered:
            return True
    return False


def mask_argv(argv: Sequence[str]) -> list[str]:
    """Return a command line with secrets, proxies and options named like secrets masked."""
    masked = []
    before = ""
    for word in argv:
        hidden = _takes_a_secret(before) and not word.startswith("--")
        masked.append(MASK if hidden and not _NO_SECRET.fullmatch(word) else _mask_word(word))
        before = word
    return masked


def mask_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what has names, such as labels or the keys of daemon.json, with all of ``proxies`` and secrets masked."""
    return {mask_text(key): _mask_all(item) if key == "proxies" else _mask(key, item) for key, item in values.items()}


def mask_data(data: Any) -> Any:
    """Return plain data (see codec.py) with secrets masked in all of its texts, and in values with the name of one."""
    if isinstance(data, str):
        return mask_text(data)
    if isinstance(data, dict):
        if len(data) == 2 and data.keys() == _OF_PAIR and isinstance(data["name"], str):
            return {"name": mask_text(data["name"]), "value": _mask(data["name"], data["value"])}
        return {key: item if type(item) in _NO_TEXT else mask_data(item) for key, item in data.items()}
    return [mask_data(item) for item in data] if isinstance(data, list) else data


def holds_secrets(values: Mapping[str, Any]) -> bool:
    """Whether anything among values with names is to be kept back."""
    return mask_values(values) != values


def secrets_in(values: Mapping[str, Any]) -> set[str]:
    """Return the secrets among values with names, as far as they are long enough to be told from other text."""
    return {text for text in _hidden(values, mask_values(values)) if len(text) >= _LONG_ENOUGH}


def _hidden(data: Any, masked: Any) -> list[str]:
    if isinstance(data, dict):
        return [text for (key, item), shown in zip(data.items(), masked.values()) for text in _hidden(item, shown)]
    if isinstance(data, list):
        return [text for item, shown in zip(data, masked) for text in _hidden(item, shown)]
    if masked == MASK and data != MASK:
        return [str(data)]
    if isinstance(data, str) and isinstance(masked, str) and data != masked:
        name, equals, value = data.partition("=")
        return [value] if equals and masked == f"{name}={MASK}" else []
    return []


def _takes_a_secret(word: str) -> bool:
    if word in _PROXIES:
        return True
    return word.startswith("-") and "=" not in word and is_secret(word)


def _mask_word(word: str) -> str:
    """A word of a command line, of a list, or a label's: what follows NAME= is one thing, blanks or not."""
    for equals in itertools.islice(re.finditer("=", word), 8):
        name = _WORD_BEFORE.search(word, max(0, equals.start() - 256), equals.start())
        if name and (name.group() in _PROXIES or is_secret(name.group())):
            before = mask_text(word[: equals.start()])
            if _NO_SECRET.fullmatch(word, equals.end()):
                return before + word[equals.start() :]
            return before if before.endswith(MASK) else f"{before}={MASK}"
    return mask_text(word)


def _mask(key: str, value: Any) -> Any:
    if is_secret(key):
        return _mask_all(value)
    if isinstance(value, dict):
        return {mask_text(name): _mask(name, item) for name, item in value.items()}
    if isinstance(value, list):
        texts = iter(mask_argv([item for item in value if isinstance(item, str)]))
        return [next(texts) if isinstance(item, str) else mask_data(_mask(key, item)) for item in value]
    return _mask_word(value) if isinstance(value, str) else value


def _mask_all(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _mask_all(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_mask_all(item) for item in value]
    if value is None or isinstance(value, bool) or _NO_SECRET.fullmatch(str(value)):
        return value
    return MASK


def _mask_map(found: re.Match[str]) -> str:
    """A map as Go prints it, ``map[NAME:VALUE NAME:VALUE]``, and the line after it, for there may be maps in it."""
    return _IN_MAP.sub(_mask_entry, found.group())


def _mask_entry(found: re.Match[str]) -> str:
    kept = _ABOUT.search(found["name"]) or _NO_SECRET.fullmatch(found["value"])
    return found.group() if kept else f"{found['name']}:{MASK}"


def _mask_basic(found: re.Match[str]) -> str:
    """``Basic`` and a user with a password in Base64 (RFC 7617); the word is English as well."""
    try:
        text = base64.b64decode(found["code"], validate=True).decode()
        hidden = ":" in text and text.isprintable()
    except ValueError:
        # Also of letters that only count as such where case is of no matter (U+017F, U+212A).
        hidden = False
    return f"{found['scheme']}{MASK}" if hidden else found.group()


def _mask_named(text: str) -> str:
    """Mask what follows names of secrets: ``NAME=VALUE``, ``"NAME": "VALUE"`` and ``NAME: VALUE``."""
    parts = []
    done = 0
    for found in _names_in(text):
        if found.start() < done or _ABOUT.search(found["name"]):
            continue
        start, end = _value_after(text, found)
        if start < end and not _NO_SECRET.fullmatch(text, start, end):
            parts += [text[done:start], MASK]
            done = end
    return "".join([*parts, text[done:]]) if done else text


def _names_in(text: str) -> Iterator[re.Match[str]]:
    """All matches of _NAMED, none over another."""
    if text.isascii():
        return _found_from(_NAME_BEGINS, text.lower(), _NAMED, text)
    # Letters beyond it can stand for others where case is of no matter.
    return _NAMED.finditer(text)


def _found_from(begins: re.Pattern[str], place: str, pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """All matches of a pattern in a text; begins finds in place, a text of the same length, where one can begin."""
    begin = begins.search(place)
    while begin:
        found = pattern.match(text, begin.start())
        if found:
            yield found
        begin = begins.search(place, max(found.end() if found else 0, begin.start() + 1))


def _mask_shapes(text: str) -> str:
    parts = []
    done = 0
    for found in _found_from(_SHAPE_BEGINS, text, _SHAPES, text):
        parts += [text[done : found.start()], MASK]
        done = found.end()
    return "".join([*parts, text[done:]]) if done else text


def _value_after(text: str, found: re.Match[str]) -> tuple[int, int]:
    """Where the value of a name begins and ends; both the same where it has none."""
    start = _BLANKS.match(text, found.end()).end()  # type: ignore[union-attr]  # It always matches.
    if text.startswith(("[", "{"), start):
        return _bracketed(text, start)
    opening = _OPENING.match(text, start)
    if opening:
        return opening.end(), _closing(text, opening)
    if found["sign"] == ":" and start == found.end():
        return start, start
    word = _UNQUOTED.match(text, start)
    if word is None or (found["sign"] == ":" and not _is_told(found["name"], word.group())):
        return start, start
    end = word.end()
    if word.group().lower() in _SCHEMES:
        more = _UNQUOTED.match(text, _BLANKS.match(text, end).end())  # type: ignore[union-attr]  # As above.
        end = more.end() if more else end
    return start, max(start + len(text[start:end].rstrip(_CLOSING)), start)


def _is_told(name: str, value: str) -> bool:
    """Whether ``NAME: VALUE`` without quotes tells a secret, and is not a sentence about a container of that name."""
    return _SPELLED_OUT.match(name) is not None or _MIXED.match(value) is not None


def _closing(text: str, opening: re.Match[str]) -> int:
    """Where a quoted value ends: at the same quote, as often escaped, or else with the line."""
    line = text.find("\n", opening.end())
    line = len(text) if line < 0 else line
    quote, escapes = opening.group()[-1], len(opening.group()) - 1
    place = text.find(quote, opening.end(), line)
    while place >= 0:
        before = place
        while before > opening.end() and text[before - 1] == "\\":
            before -= 1
        if place - before <= escapes:
            return before
        place = text.find(quote, place + 1, line)
    return line


def _bracketed(text: str, start: int) -> tuple[int, int]:
    """Inside of a list or an object, to its end or that of the text."""
    depth = 0
    for place in _BRACKET.finditer(text, start):
        depth += 1 if place.group() in "[{" else -1
        if depth == 0:
            return start + 1, place.start()
    return start + 1, len(text)
