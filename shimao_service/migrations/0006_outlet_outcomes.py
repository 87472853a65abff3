"""What became of an outlet's letters lately, who changed it, and how each try ended."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

VERDICTS = [
    ("sent", "已送达"),
    ("not_sent", "未送出，稍后重试"),
    ("refused", "对方拒收"),
    ("uncertain", "不确定是否送达"),
]


class Migration(migrations.Migration):
    dependencies = [("shimao_service", "0005_closed_days")]

    operations = [
        migrations.AddField(
            model_name="outlet",
            name="succeeded_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="上次成功"),
        ),
        migrations.AddField(
            model_name="outlet",
            name="failed_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="上次失败"),
        ),
        migrations.AddField(
            model_name="outlet",
            name="failure",
            field=models.TextField(blank=True, db_default="", verbose_name="失败原因"),
        ),
        migrations.AddField(
            model_name="outlet",
            name="rests_until",
            field=models.DateTimeField(blank=True, null=True, verbose_name="暂缓到"),
        ),
        migrations.AddField(
            model_name="outlet",
            name="changed_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="修改时间"),
        ),
        migrations.AddField(
            model_name="outlet",
            name="changed_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="修改人",
            ),
        ),
        # Nothing was sent by an outlet before this, so no row is told wrong.
        migrations.AddField(
            model_name="attempt",
            name="verdict",
            field=models.CharField(choices=VERDICTS, default="sent", max_length=10, verbose_name="结果"),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            model_name="attempt",
            constraint=models.CheckConstraint(
                condition=models.Q(("verdict__in", [value for value, _label in VERDICTS])),
                name="attempt_verdict_known",
            ),
        ),
        migrations.AddIndex(model_name="attempt", index=models.Index(fields=["at"], name="attempt_oldest")),
    ]
