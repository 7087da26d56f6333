"""How long tests wait for what must come. A machine may be busy, or slow, which is no fault of what is tested."""

from __future__ import annotations

SECONDS = 120.0
"""The limit of a wait that ends as soon as what is waited for is there: this long it takes a test to fail."""
EVER = 1000.0
"""A wait that a test ends itself."""
