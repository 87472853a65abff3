"""Pictures reach those who may see their request, and nobody else."""

from __future__ import annotations

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image

from tests.factories import register, walk
from tickets import lifecycle, pictures
from tickets.models import Attachment, Ticket
from tickets.statuses import Kind, Status

pytestmark = pytest.mark.django_db


def upload(name: str = "a.jpg", *, content: bytes | None = None) -> SimpleUploadedFile:
    if content is None:
        out = io.BytesIO()
        Image.new("RGB", (64, 48), "#4477aa").save(out, "JPEG")
        content = out.getvalue()
    return SimpleUploadedFile(name, content, "image/jpeg")


@pytest.fixture(autouse=True)
def own_media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def pictured(ticket: Ticket, cast) -> Attachment:
    lifecycle.supplement(ticket, by=cast.by("frontdesk"), note="照片", pictures=pictures.read([upload()]))
    return Attachment.objects.get(ticket=ticket)


@pytest.mark.parametrize("size", ["full", "thumb"])
def test_a_picture_is_a_jpeg_for_ones_own_browser_only(cast, as_, size):
    attachment = pictured(walk(cast, Status.IN_PROGRESS), cast)
    response = as_("handler").get(reverse("picture", args=[attachment.pk, size]))
    assert response.status_code == 200
    assert response["Content-Type"] == "image/jpeg"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cache-Control"].startswith("private")
    assert response["Content-Disposition"].startswith("inline")
    assert b"".join(response.streaming_content)[:2] == b"\xff\xd8"


@pytest.mark.parametrize("who", ["outsider", "outsider_handler", "handler2", "hr"])
def test_to_others_it_does_not_exist(cast, as_, who):
    attachment = pictured(walk(cast, Status.IN_PROGRESS), cast)
    assert as_(who).get(reverse("picture", args=[attachment.pk, "full"])).status_code == 404


def test_the_accused_never_sees_the_evidence(cast, as_):
    attachment = pictured(register(cast, kind=Kind.COMPLAINT, subjects=(cast.guard,)), cast)
    address = reverse("picture", args=[attachment.pk, "full"])
    assert as_("guard").get(address).status_code == 404
    assert as_("supervisor").get(address).status_code == 200


def test_nobody_signed_in_sees_none(cast, client):
    attachment = pictured(register(cast), cast)
    assert client.get(reverse("picture", args=[attachment.pk, "full"])).status_code == 302


def test_unknown_sizes_numbers_and_methods_are_refused(cast, as_):
    attachment = pictured(register(cast), cast)
    client = as_("frontdesk")
    assert client.get(reverse("picture", args=[attachment.pk, "huge"])).status_code == 404
    assert client.get(reverse("picture", args=[attachment.pk + 999, "full"])).status_code == 404
    assert client.post(reverse("picture", args=[attachment.pk, "full"])).status_code == 405


def test_a_file_that_is_gone_is_not_an_error(cast, as_):
    attachment = pictured(register(cast), cast)
    attachment.file.storage.delete(attachment.file.name)
    assert as_("frontdesk").get(reverse("picture", args=[attachment.pk, "full"])).status_code == 404


def test_pictures_stand_in_the_story(cast, as_):
    ticket = register(cast)
    attachment = pictured(ticket, cast)
    page = as_("frontdesk").get(ticket.get_absolute_url()).content.decode()
    assert reverse("picture", args=[attachment.pk, "thumb"]) in page
