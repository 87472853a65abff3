"""gunicorn: threads, since pages wait for the database; a log without tracking tokens."""

import os

bind = os.environ.get("BIND", "0.0.0.0:8000")
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "4"))
timeout = 60
graceful_timeout = 10
keepalive = 5
# Loaded once: a start is faster, and the demo's accounts are looked for once (wsgi.py).
preload_app = True
# A worker is replaced now and then, at different times, so that no leak lives long.
max_requests = 5000
max_requests_jitter = 500
# Heartbeats in memory: on a slow disk they would block, and workers be killed for it.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None
# No control socket: nothing asks it, and its file would be one more thing a crash can leave.
control_socket_disable = True

logger_class = "shimao_service.access_log.AccessLogger"
accesslog = "-"
errorlog = "-"
access_log_format = '%(t)s %(h)s "%(m)s %(U)s" %(s)s %(B)s %(M)sms'
# Only a proxy that is told of may say who the visitor is.
forwarded_allow_ips = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1")
