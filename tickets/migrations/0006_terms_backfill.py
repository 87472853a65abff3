from datetime import timedelta

from django.db import migrations
from django.db.models import DurationField, ExpressionWrapper, F
from django.utils import timezone

from tickets.presets import PRESETS


def backfill(apps, schema_editor):
    """Requests made before there were policies come under the first versions, made here when any request is there."""
    Ticket = apps.get_model("tickets", "Ticket")
    Clock = apps.get_model("tickets", "Clock")
    if not Ticket.objects.exists():
        return  # an empty database makes them on first need
    now = timezone.now()
    WorkCalendar = apps.get_model("shimao_service", "WorkCalendar")
    CalendarVersion = apps.get_model("shimao_service", "CalendarVersion")
    CalendarSpan = apps.get_model("shimao_service", "CalendarSpan")
    calendar = WorkCalendar.objects.create(code="default", name="公司日历", is_default=True)
    version = CalendarVersion.objects.create(calendar=calendar, number=1, made_at=now)
    from django.db.backends.postgresql.psycopg_any import NumericRange

    for weekday in range(7):
        CalendarSpan.objects.create(version=version, use="service", weekday=weekday, minutes=NumericRange(510, 1200))
    for weekday in range(5):
        for span in ((510, 720), (810, 1050)):
            CalendarSpan.objects.create(version=version, use="working", weekday=weekday, minutes=NumericRange(*span))
    seed_days(apps, version, now)
    version.published_at = now
    version.save()
    Policy = apps.get_model("tickets", "Policy")
    PolicyVersion = apps.get_model("tickets", "PolicyVersion")
    Limit = apps.get_model("tickets", "Limit")
    for preset in PRESETS:
        policy = Policy.objects.create(
            code=preset.code, name=preset.name, order=preset.order, is_default=preset.is_default
        )
        made = PolicyVersion.objects.create(policy=policy, number=1, made_at=now)
        Limit.objects.bulk_create(
            Limit(
                version=made, kind=row.kind, urgency=row.urgency, is_grave=row.is_grave, clock=row.clock,
                amount=row.amount, unit=row.unit, promise_amount=row.amount, promise_unit=row.unit,
                told_at_miss=row.told_at_miss,
            )
            for row in preset.rows()
        )
        made.published_at = now
        made.save()
        if preset.is_default:
            Ticket.objects.filter(policy_version=None).update(policy_version=made)
    Ticket.objects.filter(calendar_version=None).update(calendar_version=version)
    Clock.objects.filter(amount=None).update(
        amount=F("minutes"),
        unit="h",
        warn_at=F("due_at") - ExpressionWrapper(F("minutes") * timedelta(seconds=12), output_field=DurationField()),
        promise_at=F("due_at"),
    )
    Clock.objects.filter(warn_at__lt=F("started_at")).update(warn_at=F("started_at"))


def seed_days(apps, version, now):
    from shimao_service.official_days import library_year

    OfficialYear = apps.get_model("shimao_service", "OfficialYear")
    OfficialDay = apps.get_model("shimao_service", "OfficialDay")
    CalendarDay = apps.get_model("shimao_service", "CalendarDay")
    CalendarYear = apps.get_model("shimao_service", "CalendarYear")
    for number in range(now.year - 2, now.year + 3):
        known = library_year(number)
        year = OfficialYear.objects.create(
            year=number, origin="library", is_estimate=known.is_estimate, updated_at=now
        )
        CalendarYear.objects.create(version=version, year=number, is_estimate=known.is_estimate)
        for day in known.days:
            OfficialDay.objects.create(date=day.date, year=year, name=day.name[:60], is_off=day.is_off)
            CalendarDay.objects.create(
                version=version, date=day.date, is_off=day.is_off, name=day.name[:60], origin="library"
            )


class Migration(migrations.Migration):
    dependencies = [("tickets", "0005_terms"), ("staff", "0006_new_powers")]
    operations = [migrations.RunPython(backfill, migrations.RunPython.noop)]
