"""Settings, all from the environment and safe by default.

Without ``DEBUG`` the process refuses to start on a missing secret key; demo accounts are refused
by ``manage.py prepare`` and by the web process (see ``checks.py``). ``.env.example`` lists every variable.
"""

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from shimao_service import logs
from shimao_service.embedded import state

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

# What `make run` has running in this checkout, so that manage.py finds it. A named database means another
# environment: nothing of the demo, above all not its DEBUG, applies to it.
running = state.running() if not env.str("DATABASE_URL", "") else None

DEBUG = env.bool("DEBUG", running.debug if running else False)

# --- secrets and hosts ---------------------------------------------------------------------------
DEMO_SECRET_KEY = "demo-only-insecure-key-never-for-production-0123456789abcdef"
SECRET_KEY = env.str("SECRET_KEY", "") or (DEMO_SECRET_KEY if DEBUG else "")
if not DEBUG and SECRET_KEY in {"", DEMO_SECRET_KEY}:
    raise ImproperlyConfigured(
        "请设置环境变量 SECRET_KEY（至少 50 个随机字符），或先运行 make run。 / Set SECRET_KEY, or run make run first."
    )
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
# Channels' secrets are encrypted with a key made from SECRET_KEY and the first of these; the others, as the fallbacks
# above, open what was written before a change, until `manage.py reencrypt_channels` has written it anew.
SALT_KEY = [env.str("SALT_KEY", "shimao-service channels"), *env.list("SALT_KEY_FALLBACKS", default=[])]
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# The address people reach the site by; links in notices and QR codes are made with it.
SITE_URL = (env.str("SITE_URL", "") or (running.site_url if running else "") or "http://127.0.0.1:8000").rstrip("/")

# --- applications --------------------------------------------------------------------------------
INSTALLED_APPS = [
    "shimao_service",
    "staff",
    "tickets",
    "discipline",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_htmx",
    "django_filters",
    "template_partials",
    "widget_tweaks",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "shimao_service.language.LanguageMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "staff.middleware.ViewerMiddleware",
    "staff.first_password.FirstPasswordMiddleware",
    "shimao_service.exceptions.RefusalMiddleware",
]

ROOT_URLCONF = "shimao_service.urls"
WSGI_APPLICATION = "shimao_service.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "shimao_service.navigation.frame",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# --- database, cache, broker ---------------------------------------------------------------------
DATABASE_URL = env.str("DATABASE_URL", "") or (running.database_url if running else "")
if DATABASE_URL and not DATABASE_URL.startswith(("postgres://", "postgresql://", "psql://")):
    raise ImproperlyConfigured("DATABASE_URL 必须是 postgres://… 。 / DATABASE_URL must be postgres://…")
DATABASES: dict[str, Any] = {"default": env.db_url_config(DATABASE_URL) if DATABASE_URL else {"NAME": "absent"}}
# Without one, a backend that says what to do as soon as something needs it.
DATABASES["default"]["ENGINE"] = "django.db.backends.postgresql" if DATABASE_URL else "shimao_service.embedded.absent"
DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", 60)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# A database that does not answer is told by /readyz, not waited for.
DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
# A request is read together with eight small tables by their keys. Planning every order of nine tables takes Postgres
# longer (8 ms) than reading them; pgbouncer passes no options on: there the role is given the setting.
if not env.bool("PGBOUNCER", False):
    DATABASES["default"]["OPTIONS"].setdefault("options", "-c join_collapse_limit=6")
# pgbouncer in transaction mode keeps no server-side cursors.
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = env.bool("PGBOUNCER", False)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# In Postgres, not in Redis: signing in and its rate limits must work while the broker is down.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache_entries"}}

REDIS_URL = env.str("REDIS_URL", "") or (running.redis_url if running else "") or "redis://127.0.0.1:6379/0"
CELERY_BROKER_URL = REDIS_URL
CELERY_TIMEZONE = "Asia/Shanghai"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"  # the schedule is code: no file to be left broken by a crash
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker outlives any outage of the broker
# Without max_retries a publisher sleeps for two seconds before it says that nobody is there.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "max_retries": 0,
    "socket_connect_timeout": 1,
    "socket_timeout": 5,
    "visibility_timeout": 600,
}
# Publishing never holds a request up: wake-ups are hints, the tick sweeps what they miss.
CELERY_TASK_PUBLISH_RETRY = False

# --- people --------------------------------------------------------------------------------------
AUTH_USER_MODEL = "shimao_service.User"
AUTHENTICATION_BACKENDS = ["staff.authentication.EmployeeBackend"]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "staff.authentication.AccountAdapter"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = None
ACCOUNT_RATE_LIMITS = {"login": "30/m/ip", "login_failed": "10/m/ip,5/300s/key"}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]

# --- language and time ---------------------------------------------------------------------------
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("简体中文")), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env.str("TIME_ZONE", "Asia/Shanghai")
USE_I18N = True
USE_TZ = True

# --- files ---------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = env.str("STATIC_ROOT", str(state.RUN / "static"))
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = env.str("MEDIA_ROOT", str(state.RUN / "media"))
MEDIA_URL = "/media/"  # never served by itself: pictures go through a view that checks access
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "shimao_service.static_files.ManifestStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG
FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FILES = 20

# --- mail ----------------------------------------------------------------------------------------
# The demo's mail lies in files; a page shows it.
vars().update(
    env.email_url("EMAIL_URL", default="smtp://127.0.0.1:25" if not DEBUG else f"filemail:///{state.RUN}/mail")
)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "客服中心 <noreply@localhost>")
EMAIL_TIMEOUT = 10

# --- other ways out ------------------------------------------------------------------------------
# Networks inside the house that webhooks and robots may call, such as 10.20.0.0/16; others never.
WEBHOOK_ALLOWED_NETWORKS = [str(ip_network(n, strict=False)) for n in env.list("WEBHOOK_ALLOWED_NETWORKS", default=[])]
# Text messages by Tencent Cloud. Without all of the first five there is no such channel.
TENCENT_SMS = {
    "secret_id": env.str("TENCENT_SMS_SECRET_ID", ""),
    "secret_key": env.str("TENCENT_SMS_SECRET_KEY", ""),
    "app_id": env.str("TENCENT_SMS_APP_ID", ""),
    "sign": env.str("TENCENT_SMS_SIGN", ""),
    "template": env.str("TENCENT_SMS_TEMPLATE", ""),
    "parameters": env.list("TENCENT_SMS_PARAMETERS", default=["title", "link"]),
    "region": env.str("TENCENT_SMS_REGION", "ap-guangzhou"),
}

# --- when letters leave --------------------------------------------------------------------------
# Letters to staff and groups wait this long for company, then several leave as one (0: each by itself at once).
FOLD_SECONDS = env.int("FOLD_SECONDS", 120)
# Nothing but emergencies leaves in these hours of the site's time; staff may choose others. Empty: always.
QUIET_HOURS = env.str("QUIET_HOURS", "21:00-08:00")

# --- security ------------------------------------------------------------------------------------
HTTPS = env.bool("HTTPS", not DEBUG)
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
BEHIND_PROXY = env.bool("BEHIND_PROXY", False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
# How often an hour the owners' form may be sent: from one phone, one address on the network, for one place.
REPORT_LIMITS = {
    "phone": env.int("REPORT_LIMIT_PHONE", 6),
    "address": env.int("REPORT_LIMIT_ADDRESS", 30),
    "place": env.int("REPORT_LIMIT_PLACE", 10),
}
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", 31536000 if HTTPS else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("HSTS_INCLUDE_SUBDOMAINS", HTTPS)
SECURE_HSTS_PRELOAD = env.bool("HSTS_PRELOAD", HTTPS)
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_AGE = 12 * 3600  # one shift
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [SELF],
    }
}

# --- API -----------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "staff.api.authentication.EmployeeTokenAuthentication",
        "staff.api.authentication.EmployeeSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_METADATA_CLASS": None,
    "URL_FORMAT_OVERRIDE": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "shimao_service.exceptions.api_exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "物业客服 API",
    "DESCRIPTION": "用法与示例见 docs/api.md。",
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    # The page and the description are in the repository anyway; neither shows any data.
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "COMPONENT_SPLIT_REQUEST": True,
    "DISABLE_DOCSTRING_DESCRIPTIONS": True,
    "ENUM_NAME_OVERRIDES": {
        "KindEnum": "tickets.statuses.Kind",
        "StatusEnum": "tickets.statuses.Status",
        "StepEnum": "tickets.statuses.Step",
        "VerbEnum": "tickets.statuses.Verb",
        "UrgencyEnum": "tickets.statuses.Urgency",
        "LevelEnum": "tickets.statuses.Level",
        "SourceEnum": "tickets.statuses.Source",
        "RatingSourceEnum": "tickets.statuses.RatingSource",
        "ChannelEnum": "tickets.statuses.Channel",
        "HoldReasonEnum": "tickets.statuses.HoldReason",
        "LiabilityEnum": "tickets.statuses.Liability",
        "ClockNameEnum": "tickets.statuses.ClockName",
        "ProjectKindEnum": "staff.models.Project.Kind",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "displayRequestDuration": True, "defaultModelsExpandDepth": 0},
}

# --- logs ----------------------------------------------------------------------------------------
LOG_FORMAT = env.str("LOG_FORMAT", "line")  # line: for people; json: for a log collector
LOG_LEVEL = env.str("LOG_LEVEL", "INFO")
LOGGING = logs.configuration(LOG_FORMAT, LOG_LEVEL)
logs.configure()
