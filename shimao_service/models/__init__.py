from shimao_service.models.access import Reveal
from shimao_service.models.notice import Heartbeat, Notice, NoticeStatus
from shimao_service.models.user import User

__all__ = ["Heartbeat", "Notice", "NoticeStatus", "Reveal", "User"]
