"""Days on which nobody serves, a count of a draft's changes, and no way out of a published version either."""

from django.db import migrations, models

REFUSE = """
    CREATE OR REPLACE FUNCTION shimao_refuse_published() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        published timestamptz;
    BEGIN
        -- An update touches two versions when it moves a row from one to the other.
        IF TG_OP <> 'INSERT' THEN
            EXECUTE format('SELECT published_at FROM %I WHERE id = $1', TG_ARGV[0]) INTO published USING OLD.version_id;
        END IF;
        IF published IS NULL AND TG_OP <> 'DELETE' THEN
            EXECUTE format('SELECT published_at FROM %I WHERE id = $1', TG_ARGV[0]) INTO published USING NEW.version_id;
        END IF;
        IF published IS NOT NULL THEN
            RAISE EXCEPTION 'A published version never changes.' USING ERRCODE = 'check_violation';
        END IF;
        RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("shimao_service", "0004_clocks_and_channels")]

    operations = [
        migrations.AddField(
            model_name="calendarday",
            name="is_unserved",
            field=models.BooleanField(default=False, verbose_name="停止服务"),
        ),
        migrations.AddField(model_name="calendarversion", name="edits", field=models.PositiveIntegerField(default=0)),
        migrations.AddField(
            model_name="calendarversion",
            name="serves_holidays",
            field=models.BooleanField(default=True, verbose_name="节假日照常服务"),
        ),
        migrations.RunSQL(REFUSE, migrations.RunSQL.noop),
    ]
