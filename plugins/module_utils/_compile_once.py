# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Has Python compile each file that Ansible sends in its archive once, not twice. Modules import it ahead of all else.

Python's importer of archives compiles a file to tell its name, and again to run it (find_spec() and exec_module()).
"""

from __future__ import annotations

import functools
import zipimport

# A name of CPython's own, from 3.8 on. Where it is another one, all is as without this.
_compile = getattr(zipimport, "_compile_source", None)
if _compile is not None:
    zipimport._compile_source = functools.lru_cache(maxsize=1)(_compile)  # type: ignore[attr-defined]  # noqa: SLF001
