from shimao_service.models.access import Reveal
from shimao_service.models.user import User

__all__ = ["Reveal", "User"]
