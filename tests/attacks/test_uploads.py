"""Hostile files: bombs, impostors, too many, and a disk that takes nothing. Never half a request."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from tests.factories import walk
from tickets import links
from tickets.models import Attachment, Event, Ticket
from tickets.statuses import Status

pytestmark = pytest.mark.django_db


def picture(kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (32, 32), "blue").save(out, kind)
    return out.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def bomb() -> bytes:
    """A PNG of 60,000 × 60,000 points in a few bytes."""
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )


HOSTILE = {
    "bomb.png": bomb(),
    "page.jpg": b"<html><script>alert(1)</script></html>",
    "drawing.svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "half.jpg": picture("JPEG")[:200],
    "empty.png": b"",
    "zip.png": b"PK\x03\x04" + b"\0" * 100,
    "script.gif": b"GIF89a/*" + b"\0" * 50 + b"*/=1;alert(1)",
    "../../../etc/passwd.jpg": b"root:x:0:0",
    "a\r\nSet-Cookie: x=1.jpg": b"x",
    "\x00.jpg": b"x",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_a_reason_and_the_words_stay(cast, as_, client, name):
    ticket = walk(cast, Status.IN_PROGRESS)
    events = Event.objects.filter(ticket=ticket).count()
    upload = lambda: SimpleUploadedFile(name, HOSTILE[name], "image/jpeg")  # noqa: E731
    answer = as_("handler").post(
        f"/tickets/{ticket.number}/follow_up/",
        {"note": "这段话不会丢", "version": ticket.version, "pictures": upload()},
    )
    assert answer.status_code == 400 and "这段话不会丢" in answer.content.decode()
    answer = client.post(f"/track/{links.token(ticket)}/supplement/", {"note": "这段话不会丢", "pictures": upload()})
    assert answer.status_code == 400 and "这段话不会丢" in answer.content.decode()
    assert Event.objects.filter(ticket=ticket).count() == events
    assert not Attachment.objects.exists()


def test_a_picture_that_is_also_a_page_keeps_nothing_of_the_page(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS)
    both = picture("JPEG") + b"<script>alert(1)</script>PK\x03\x04"
    as_("handler").post(
        f"/tickets/{ticket.number}/follow_up/",
        {"note": "图", "pictures": SimpleUploadedFile("a.html", both, "text/html")},
    )
    kept = Attachment.objects.get()
    answer = as_("handler").get(f"/pictures/{kept.pk}/full/")
    content = b"".join(answer.streaming_content)
    assert answer["Content-Type"] == "image/jpeg" and answer["X-Content-Type-Options"] == "nosniff"
    assert b"<script" not in content and b"PK\x03\x04" not in content and ".html" not in kept.file.name


def test_ten_pictures_are_one_too_many_everywhere(cast, as_, client):
    ticket = walk(cast, Status.IN_PROGRESS)
    many = lambda n: [SimpleUploadedFile(f"{i}.png", picture(), "image/png") for i in range(n)]  # noqa: E731
    for count in (10, 120):
        answer = as_("handler").post(f"/tickets/{ticket.number}/follow_up/", {"note": "多图", "pictures": many(count)})
        assert answer.status_code == 400, count
        assert client.post("/report/", {"description": "多图", "pictures": many(count)}).status_code == 400, count
    assert not Attachment.objects.exists()


@pytest.mark.parametrize("path", ["report", "follow_up", "track"])
def test_a_disk_that_takes_nothing_is_said_and_leaves_no_half_request(cast, as_, client, monkeypatch, path):
    from django.core.files.storage import FileSystemStorage

    def full(self, name, content):
        raise OSError(28, "No space left on device")

    ticket = walk(cast, Status.IN_PROGRESS)
    before = Ticket.objects.count(), Event.objects.count()
    monkeypatch.setattr(FileSystemStorage, "_save", full)
    upload = SimpleUploadedFile("a.png", picture(), "image/png")
    data = {"note": "这段话不会丢", "description": "这段话不会丢", "pictures": upload, "kind": "repair",
            "phone": "13800001111", "project": cast.project.code, "version": ticket.version}  # fmt: skip
    client.raise_request_exception = False
    desk = as_("handler")
    desk.raise_request_exception = False
    answer = {
        "report": lambda: client.post("/report/", data),
        "follow_up": lambda: desk.post(f"/tickets/{ticket.number}/follow_up/", data),
        "track": lambda: client.post(f"/track/{links.token(ticket)}/supplement/", data),
    }[path]()
    assert (Ticket.objects.count(), Event.objects.count()) == before
    assert not Attachment.objects.exists()
    assert answer.status_code < 500, answer.status_code
    assert "这段话不会丢" in answer.content.decode()
