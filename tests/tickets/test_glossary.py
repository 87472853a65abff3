from pathlib import Path

from django.conf import settings

from tickets.glossary import rewrite


def test_the_glossary_has_every_word_of_the_code():
    text = (Path(settings.BASE_DIR) / "docs" / "glossary.md").read_text(encoding="utf-8")
    assert rewrite(text) == text, "run manage.py write_glossary"
