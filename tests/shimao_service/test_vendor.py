"""What we did not write is what we think it is, and nothing is fetched from elsewhere."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from django.conf import settings

STATIC = Path(settings.BASE_DIR) / "static"
VENDOR = STATIC / "vendor"
OWN_TEXT = [
    *(Path(settings.BASE_DIR) / "templates").rglob("*.html"),
    *(STATIC / "js").rglob("*.js"),
    *(STATIC / "css").glob("*.css"),
]


def listed() -> dict[str, str]:
    lines = (VENDOR / "CHECKSUMS.txt").read_text().splitlines()
    return {path: checksum for checksum, path in (line.split(maxsplit=1) for line in lines if line)}


def test_every_vendored_file_has_the_checksum_on_the_list():
    for path, checksum in listed().items():
        assert hashlib.sha256((VENDOR / path).read_bytes()).hexdigest() == checksum, path


def test_no_vendored_file_is_missing_from_the_list():
    present = {str(path.relative_to(VENDOR)) for path in VENDOR.rglob("*") if path.is_file()}
    assert present - {"CHECKSUMS.txt"} <= set(listed())


def test_no_style_sheet_points_at_a_source_map_that_is_not_there():
    for path in STATIC.rglob("*.css"):
        assert "sourceMappingURL" not in path.read_text(), path


def test_pages_load_nothing_from_other_sites():
    for path in OWN_TEXT:
        assert not re.search(r"(?:src|href|url|import)\s*[=(]?\s*[\"']?(?:https?:)?//", path.read_text()), path


def test_pages_carry_no_inline_script_style_or_handler():
    inline = re.compile(r"<style|\sstyle=|\son(?:click|change|submit|load|input)=|<script(?![^>]*\ssrc=)|hx-on")
    for path in OWN_TEXT:
        if path.suffix == ".html":
            assert not inline.search(path.read_text()), path


def test_every_icon_that_is_named_is_in_the_sprite():
    drawn = set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "img" / "icons.svg").read_text()))
    base = Path(settings.BASE_DIR)
    for path in (base / "templates").rglob("*.html"):
        named = set(re.findall(r'{% icon "([^"]+)"', path.read_text())) | set(
            re.findall(r'icon="([^"]+)"', path.read_text())
        )
        assert named <= drawn, (path, named - drawn)
    from shimao_service import looks
    from shimao_service.navigation import ITEMS

    tables = [*looks.STATUSES.values(), *looks.KINDS.values(), *looks.URGENCIES.values(), *ITEMS]
    assert {row.icon for row in tables if row.icon} <= drawn
