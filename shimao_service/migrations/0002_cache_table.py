"""The cache lives in Postgres (see settings.CACHES): sign-in limits work while the broker is down."""

from django.db import migrations

CREATE = """
create unlogged table cache_entries (
    cache_key varchar(255) primary key,
    value text not null,
    expires timestamptz not null
);
create index cache_entries_expires on cache_entries (expires);
"""


class Migration(migrations.Migration):
    dependencies = [("shimao_service", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, "drop table cache_entries")]
