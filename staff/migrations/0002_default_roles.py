"""The roles a company starts with; afterwards they are its own to change."""

from django.db import migrations


def create(apps, schema_editor):
    from staff.roles import DEFAULT_ROLES

    Role = apps.get_model("staff", "Role")
    for order, role in enumerate(DEFAULT_ROLES, start=1):
        Role.objects.get_or_create(
            code=role.code,
            defaults={
                "name": role.name,
                "permissions": [permission.value for permission in role.permissions],
                "is_company_wide": role.is_company_wide,
                "order": order * 10,
            },
        )


class Migration(migrations.Migration):
    dependencies = [("staff", "0001_initial")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
