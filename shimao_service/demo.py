"""The demo's accounts: one list for whoever makes them, prints them and refuses them.

They exist only while ``DEBUG`` is on. Without it ``demo_data`` does not run, the web process does
not start while one of them still opens with the published password (``checks.py``), and signing in
with that password is refused.
"""

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

# Published in the README; its only strength is that it is refused outside the demo.
DEMO_PASSWORD = "shimao-demo-2026"

DEMO_ACCOUNTS = {
    "frontdesk": "客服前台",
    "handler": "维修师傅",
    "supervisor": "客服主管",
    "manager": "项目经理",
    "hr": "人事",
    "director": "总经理",
    "auditor": "审计",
    "admin": "系统管理员",
}


def refuse_without_debug() -> None:
    """Raise unless this is a demo: made-up people with a published password never meet real ones."""
    if not settings.DEBUG:
        raise ImproperlyConfigured("演示数据和演示账号只能在 DEBUG=1 时使用。Demo data and demo accounts need DEBUG=1.")
