from shimao_service.models.access import Reveal
from shimao_service.models.calendar import (
    CalendarDay,
    CalendarSpan,
    CalendarVersion,
    CalendarYear,
    OfficialDay,
    OfficialYear,
    Origin,
    Use,
    WorkCalendar,
)
from shimao_service.models.imports import ImportRow, ImportRun, Outcome, RunStatus
from shimao_service.models.notice import Heartbeat, Notice, NoticeStatus
from shimao_service.models.outlet import Attempt, Outlet, OutletKind, OutletMinute, Verdict
from shimao_service.models.preference import NoticePreference
from shimao_service.models.user import User

__all__ = [
    "Attempt", "CalendarDay", "CalendarSpan", "CalendarVersion", "CalendarYear", "Heartbeat", "ImportRow",
    "ImportRun", "Notice", "NoticePreference", "NoticeStatus", "OfficialDay", "OfficialYear", "Origin", "Outcome",
    "Outlet", "OutletKind", "OutletMinute", "Reveal", "RunStatus", "Use", "User", "Verdict",
    "WorkCalendar",
]  # fmt: skip
