"""How a person wants to be told, within what the role must hear."""

from datetime import time

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _


class NoticePreference(models.Model):
    """No row: the company's defaults. The inbox always gets everything; here are the ways outside.

    ``muted`` are topics (see ``outbox.register_topics``) this person does not want outside the inbox.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notice_preference")
    by_email = models.BooleanField(_("邮件提醒"), default=True)
    by_sms = models.BooleanField(_("短信提醒"), default=True)
    quiet_from = models.TimeField(_("免打扰开始"), default=time(21, 0))
    quiet_to = models.TimeField(_("免打扰结束"), default=time(8, 0))
    muted = ArrayField(models.CharField(max_length=40), default=list, blank=True, verbose_name=_("不在站外提醒"))

    class Meta:
        verbose_name = _("提醒偏好")
        verbose_name_plural = _("提醒偏好")
