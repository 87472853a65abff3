from django.db import migrations

# What the roles a company starts with gained; a role it made itself stays as it is.
GAINED = {
    "front_desk": ["ticket.urge"],
    "steward": ["ticket.urge"],
    "duty_desk": ["ticket.urge"],
    "supervisor": ["ticket.urge", "duty.manage"],
    "department_manager": ["ticket.urge", "duty.manage"],
    "manager": ["ticket.supervise", "terms.manage", "channel.manage", "duty.manage"],
    "director": ["ticket.supervise", "terms.manage", "channel.manage"],
    "administrator": ["terms.manage", "channel.manage", "duty.manage"],
}


def gain(apps, schema_editor):
    Role = apps.get_model("staff", "Role")
    for role in Role.objects.filter(code__in=GAINED):
        missing = [power for power in GAINED[role.code] if power not in role.permissions]
        if missing:
            role.permissions = [*role.permissions, *missing]
            role.save(update_fields=["permissions"])


class Migration(migrations.Migration):
    dependencies = [("staff", "0005_duty")]
    operations = [migrations.RunPython(gain, migrations.RunPython.noop)]
