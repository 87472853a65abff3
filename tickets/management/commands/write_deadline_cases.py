"""Write the table of cases in docs/deadlines.md anew from the code."""

from tickets.deadline_cases import rewrite
from tickets.documents import WritesDocument


class Command(WritesDocument):
    help = "Write the table of cases in docs/deadlines.md from the code; --check only compares."
    page = "deadlines.md"
    rewrite = staticmethod(rewrite)
