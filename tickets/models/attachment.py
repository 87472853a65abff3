"""Pictures of a request, re-encoded when they came in: no EXIF, no place, nothing hidden."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from tickets.models.event import Event
from tickets.models.ticket import Ticket


class Attachment(models.Model):
    """A picture that came with an event. At most nine an event (see :mod:`tickets.pictures`)."""

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="attachments")
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="attachments")
    file = models.FileField(_("图片"), upload_to="tickets/%Y/%m/", max_length=200)
    thumbnail = models.FileField(_("缩略图"), upload_to="tickets/%Y/%m/", max_length=200)
    name = models.CharField(_("原文件名"), max_length=120, blank=True)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    size = models.PositiveIntegerField(_("字节"))
    sha256 = models.CharField(max_length=64)
    # Evidence of a case or a claim is kept when its year is over.
    is_frozen = models.BooleanField(_("证据冻结"), default=False)
    uploaded_at = models.DateTimeField(_("上传时间"))

    class Meta:
        verbose_name = _("附件")
        verbose_name_plural = _("附件")
        ordering = ["ticket", "id"]
