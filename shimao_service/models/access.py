"""Who looked at whose data: one row a look, never edited (A7.5, B5.6)."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Reveal(models.Model):
    """A person's unmasked contact was shown. Kept at least six months (Cybersecurity Law, art. 21)."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, verbose_name=_("查看人"))
    at = models.DateTimeField(_("时间"), db_index=True)
    # What was shown, as text: this floor names no model of those above. "owner:9", "ticket:81".
    subject = models.CharField(_("对象"), max_length=60, db_index=True)
    reason = models.CharField(_("事由"), max_length=200)

    class Meta:
        verbose_name = _("查看记录")
        verbose_name_plural = _("查看记录")
        constraints = [models.CheckConstraint(condition=~models.Q(reason=""), name="reveal_has_reason")]
