from pathlib import Path

from django.conf import settings

from tickets.diagram import mermaid, redraw
from tickets.statuses import Status

ARCHITECTURE = Path(settings.BASE_DIR) / "docs" / "architecture.md"


def test_the_state_diagram_in_the_docs_has_not_drifted():
    text = ARCHITECTURE.read_text(encoding="utf-8")
    assert redraw(text) == text, "run manage.py draw_states"


def test_the_diagram_shows_every_status_and_no_arrow_out_of_the_end():
    drawn = mermaid()
    assert all(f"as {status.value}" in drawn for status in Status)
    assert "cancelled --> registered" not in drawn
