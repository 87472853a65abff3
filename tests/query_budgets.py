"""How many queries a page may take, recorded in a file; one too many fails and prints them all.

``RECORD_BUDGETS=1`` writes what was counted into the file instead, for a change that was meant.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection
from django.test.utils import CaptureQueriesContext

FILE = Path(__file__).with_name("query_budgets.json")
# Issue 2: no page takes more, whatever is recorded.
MOST = 12


@contextmanager
def budget(name: str) -> Iterator[CaptureQueriesContext]:
    """The block may make as many queries as recorded for ``name``; fewer is a reason to record anew."""
    with CaptureQueriesContext(connection) as made:
        yield made
    count = len(made)
    recorded = json.loads(FILE.read_text())
    if os.environ.get("RECORD_BUDGETS"):
        recorded[name] = count
        FILE.write_text(json.dumps(recorded, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
    allowed = min(recorded.get(name, 0), MOST)
    listing = "\n".join(f"{number}. {query['sql']}" for number, query in enumerate(made.captured_queries, start=1))
    assert count <= allowed, f"{name}: {count} queries, {allowed} allowed\n{listing}"
