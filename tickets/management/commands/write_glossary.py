"""Write the tables of docs/glossary.md anew from the code."""

from tickets.documents import WritesDocument
from tickets.glossary import rewrite


class Command(WritesDocument):
    help = "Write the tables of docs/glossary.md from the code; --check only compares."
    page = "glossary.md"
    rewrite = staticmethod(rewrite)
