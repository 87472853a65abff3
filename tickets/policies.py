"""The terms a request comes under: its policy's limits and its project's calendar, as versions that never change."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from django.db import IntegrityError, transaction
from django.utils import timezone

from shimao_service import calendars
from staff.models import Project
from tickets.limits import Allowance, Class, Limits, Terms
from tickets.models import EscalationStep, Limit, Policy, PolicyVersion
from tickets.presets import PRESETS, STEPS


@lru_cache(maxsize=512)
def load_limits(version_id: int) -> Limits:
    """The limits of a published version; kept by the process, since they never change."""
    return read_limits(version_id)


def read_limits(version_id: int) -> Limits:
    """The limits of any version, drafts included; not kept."""
    classes: dict[Class, dict[str, Allowance]] = {}
    for row in Limit.objects.filter(version_id=version_id):
        promise = (row.promise_amount, row.promise_unit) if row.promise_amount is not None else None
        classes.setdefault((row.kind, row.urgency, row.is_grave), {})[row.clock] = Allowance(
            row.clock, row.amount, row.unit, promise, row.told_at_miss
        )
    return Limits(classes)


def terms_of(policy_version: int, calendar_version: int) -> Terms:
    """The terms of two published versions. Two queries the first time, none afterwards."""
    return Terms(load_limits(policy_version), calendars.load(calendar_version), policy_version, calendar_version)


def current_policy_version(project: Project | None) -> PolicyVersion:
    """The version in force for new requests of a project: its own policy's, else the default one's."""
    published = PolicyVersion.objects.filter(published_at__isnull=False).order_by("-number")
    own = published.filter(policy__terms__project=project).first() if project else None
    return own or published.filter(policy__is_default=True).first() or ensure_policies()


def current_terms(project: Project | None) -> Terms:
    """What a request made now in this project comes under; without one, the company's defaults."""
    policy = current_policy_version(project)
    calendar = calendars.current_version(project.calendar_id if project else None)
    return terms_of(policy.pk, calendar.pk)


def forget() -> None:
    """Drop what the process keeps: between tests, where ids come again."""
    load_limits.cache_clear()
    calendars.load.cache_clear()


def ensure_policies(now: datetime | None = None) -> PolicyVersion:
    """The presets and the steps of escalation, made on first need; the default's version in force."""
    moment = now or timezone.now()
    try:
        with transaction.atomic():
            for preset in PRESETS:
                policy, made = Policy.objects.get_or_create(
                    code=preset.code,
                    defaults={"name": preset.name, "order": preset.order, "is_default": preset.is_default},
                )
                if not made:
                    continue
                version = PolicyVersion.objects.create(policy=policy, number=1, made_at=moment)
                write_limits(version, preset.rows())
                version.published_at = moment
                version.save(update_fields=["published_at"])
            if not EscalationStep.objects.exists():
                EscalationStep.objects.bulk_create(
                    EscalationStep(basis=basis, amount=amount, rung=rung) for basis, amount, rung in STEPS
                )
    except IntegrityError:
        pass  # somebody else made them this very moment
    return PolicyVersion.objects.filter(policy__is_default=True, published_at__isnull=False).latest("number")


def write_limits(version: PolicyVersion, rows: list) -> None:
    Limit.objects.bulk_create(
        Limit(
            version=version,
            kind=row.kind,
            urgency=row.urgency,
            is_grave=row.is_grave,
            clock=row.clock,
            amount=row.amount,
            unit=row.unit,
            promise_amount=row.amount,
            promise_unit=row.unit,
            told_at_miss=row.told_at_miss,
        )
        for row in rows
    )
