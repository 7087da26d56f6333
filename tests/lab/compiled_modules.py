"""Runs in every Python of a lab host: keeps what it has compiled of the modules that Ansible sends. Python 3.9.

Ansible sends a module as an archive of sources, packed anew for each task. Python keeps compiled code of files, but not
of archives, and compiles each of their members twice (zipimport asks for its code to know its file name): that takes
several times as long as most modules do. Here it is kept by the content of the source, until the host is started again.
"""

from __future__ import annotations

import _imp
import marshal
import os
import types
import zipimport
from _frozen_importlib_external import SourceLoader
from typing import Any

FOLDER = "/run/dockernet-lab-compiled"

_compile = zipimport._compile_source  # type: ignore[attr-defined]
_known: dict[str, types.CodeType] = {}


def compiled(path: str, source: bytes) -> types.CodeType:
    """The code of a source, as zipimport's own function compiles it. path: where it lies in its archive."""
    import hashlib  # most programs import nothing from an archive

    place = f"{FOLDER}/{hashlib.sha256(source).hexdigest()}"
    if place not in _known:
        _known[place] = _read(place, path) or _compile_and_keep(place, path, source)
    return _known[place]


def _read(place: str, path: str) -> types.CodeType | None:
    try:
        with open(place, "rb") as stream:
            code: types.CodeType = marshal.load(stream)  # noqa: S302  # root alone writes there
    except OSError:
        return None
    _imp._fix_co_filename(code, path)  # type: ignore[attr-defined]
    return code


def _compile_and_keep(place: str, path: str, source: bytes) -> types.CodeType:
    """Whoever may not write there keeps nothing."""
    code: types.CodeType = _compile(path, source)
    part = f"{place}.{os.getpid()}"
    try:
        os.makedirs(FOLDER, exist_ok=True)
        with open(part, "xb") as stream:
            marshal.dump(code, stream)
        os.replace(part, place)
    except OSError:
        pass
    return code


def source_to_code(self: object, data: bytes, path: str, **options: object) -> types.CodeType:
    """The same for the sources that host_reader was sent, which are in no archive."""
    if str(path).startswith("ansible_collections/"):
        return compiled(path, data)
    code: types.CodeType = _to_code(self, data, path, **options)
    return code


_to_code: Any = SourceLoader.source_to_code
SourceLoader.source_to_code = source_to_code  # type: ignore[assignment, method-assign]
zipimport._compile_source = compiled  # type: ignore[attr-defined]
