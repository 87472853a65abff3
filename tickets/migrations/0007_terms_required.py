import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tickets", "0006_terms_backfill")]
    operations = [
        migrations.RemoveField("clock", "minutes"),
        migrations.AlterField("clock", "amount", models.PositiveIntegerField(verbose_name="时限")),
        migrations.AlterField(
            "clock",
            "unit",
            models.CharField(
                choices=[("h", "自然时间"), ("sh", "服务时间"), ("wd", "工作日")], max_length=2, verbose_name="单位"
            ),
        ),
        migrations.AlterField("clock", "warn_at", models.DateTimeField(verbose_name="预警")),
        migrations.AlterField(
            "ticket",
            "policy_version",
            models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tickets.policyversion",
                verbose_name="时限版本",
            ),
        ),
        migrations.AlterField(
            "ticket",
            "calendar_version",
            models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="shimao_service.calendarversion",
                verbose_name="日历版本",
            ),
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER limit_frozen BEFORE INSERT OR UPDATE OR DELETE ON tickets_limit
                FOR EACH ROW EXECUTE FUNCTION shimao_refuse_published('tickets_policyversion');
            CREATE TRIGGER policy_version_frozen BEFORE UPDATE ON tickets_policyversion
                FOR EACH ROW WHEN (OLD.published_at IS NOT NULL AND NEW.published_at IS DISTINCT FROM OLD.published_at)
                EXECUTE FUNCTION shimao_refuse_unpublishing();
            """,
            """
            DROP TRIGGER limit_frozen ON tickets_limit;
            DROP TRIGGER policy_version_frozen ON tickets_policyversion;
            """,
        ),
    ]
