"""What is kept only for a while: form keys against doubles, and web attempts against floods."""

from __future__ import annotations

from datetime import datetime, timedelta

from tickets.models import ReportAttempt, Submission

# A form left open over a long week-end still finds the request it made.
KEEP_SUBMISSIONS = timedelta(days=7)
KEEP_ATTEMPTS = timedelta(days=1)


def tidy(now: datetime) -> int:
    """Delete what has had its time; how many rows. By index, so that asking every minute costs nothing."""
    old, _by_model = Submission.objects.filter(at__lt=now - KEEP_SUBMISSIONS).delete()
    seen, _by_model = ReportAttempt.objects.filter(at__lt=now - KEEP_ATTEMPTS).delete()
    return old + seen
