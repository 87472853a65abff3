from shimao_service.models.access import Reveal
from shimao_service.models.imports import ImportRow, ImportRun, Outcome, RunStatus
from shimao_service.models.notice import Heartbeat, Notice, NoticeStatus
from shimao_service.models.user import User

__all__ = [
    "Heartbeat", "ImportRow", "ImportRun", "Notice", "NoticeStatus", "Outcome", "Reveal", "RunStatus", "User",
]  # fmt: skip
