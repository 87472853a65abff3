"""Pictures as they come from phones: checked, limited, turned upright and re-encoded.

What is kept is a new JPEG made from the pixels: EXIF, GPS, and whatever else a file can hide are gone.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pillow_heif
from django.core.files.base import ContentFile
from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from shimao_service.exceptions import Invalid
from tickets.models import Attachment, Event, Ticket

pillow_heif.register_heif_opener()

MOST = 9
MAX_BYTES = 15 * 1024 * 1024
# A 108-megapixel phone picture passes; a decompression bomb does not.
MAX_PIXELS = 120_000_000
# An MPO, as some phones write it, is opened as the JPEG it begins with.
FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "GIF", "BMP")
EDGE, THUMB_EDGE = 2048, 360


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that passed: JPEG bytes of the whole and of its thumbnail."""

    name: str
    content: bytes
    thumbnail: bytes
    width: int
    height: int
    sha256: str

    def attachment(self, *, ticket: Ticket, event: Event, at: datetime) -> Attachment:
        """An unsaved row; its files are written when it is saved."""
        stem = self.sha256[:24]
        return Attachment(
            ticket=ticket,
            event=event,
            file=ContentFile(self.content, name=f"{stem}.jpg"),
            thumbnail=ContentFile(self.thumbnail, name=f"{stem}-s.jpg"),
            name=self.name[:120],
            width=self.width,
            height=self.height,
            size=len(self.content),
            sha256=self.sha256,
            uploaded_at=at,
        )


def read(files: Sequence[Any], *, field: str = "pictures") -> list[Picture]:
    """Decode uploaded files. Raises ``Invalid`` on ``field`` naming each file and what is wrong with it."""
    if len(files) > MOST:
        raise Invalid.field(
            field, _("最多 %(most)s 张图片，现在有 %(count)s 张。") % {"most": MOST, "count": len(files)}
        )
    pictures, wrong = [], []
    for file in files:
        try:
            pictures.append(read_one(file))
        except ValueError as error:
            wrong.append(f"{file.name}：{error}")
    if wrong:
        raise Invalid(wrong[0], fields={field: wrong})
    return pictures


def read_one(file: Any) -> Picture:
    """One upload. Raises ``ValueError`` with a sentence for people."""
    if file.size == 0:
        raise ValueError(_("文件是空的，请重新选择。"))
    if file.size > MAX_BYTES:
        raise ValueError(_("超过 15 MB，请压缩后再传。"))
    content = file.read()
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(_("图片尺寸过大，请缩小后再传。"))
            # Asks the JPEG decoder for a size near what is kept: a quarter of the memory.
            image.draft("RGB", (EDGE, EDGE))
            upright = ImageOps.exif_transpose(image)
            upright.thumbnail((EDGE, EDGE))
            flat = _flatten(upright)
    except ValueError:
        raise
    except UnidentifiedImageError as error:
        raise ValueError(_("不是图片，或格式不支持（支持 JPG、PNG、HEIC、WebP、GIF）。")) from error
    except Image.DecompressionBombError as error:
        raise ValueError(_("图片尺寸过大，请缩小后再传。")) from error
    except Exception as error:  # decoders raise whatever they like on hostile bytes
        raise ValueError(_("图片已损坏，无法打开。")) from error
    small = flat.copy()
    small.thumbnail((THUMB_EDGE, THUMB_EDGE))
    whole = _jpeg(flat, 85)
    return Picture(
        name=str(file.name),
        content=whole,
        thumbnail=_jpeg(small, 75),
        width=flat.width,
        height=flat.height,
        sha256=hashlib.sha256(whole).hexdigest(),
    )


def _flatten(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "P", "PA"):
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        return white
    return image.convert("RGB")


def _jpeg(image: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, optimize=True)
    return out.getvalue()
