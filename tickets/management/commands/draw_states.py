"""Draw the state diagram in docs/architecture.md anew from the code."""

from tickets.diagram import redraw
from tickets.documents import WritesDocument


class Command(WritesDocument):
    help = "Draw the state diagram in docs/architecture.md from tickets.statuses; --check only compares."
    page = "architecture.md"
    rewrite = staticmethod(redraw)
