# Two images from one file. The customer's (the default, last target) holds nothing of the
# vendor's: `docker build .`; the vendor's: `docker build --target license-server .`
FROM python:3.13-slim AS libraries
WORKDIR /build
COPY requirements.txt ./
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --no-deps -r requirements.txt

FROM python:3.13-slim AS base
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY --from=libraries /venv /venv
WORKDIR /srv
COPY serverkit serverkit
COPY license_token license_token
USER 10001:0
EXPOSE 8000

FROM base AS license-server
ENV LICENSE_SERVER_DATA_DIR=/var/lib/sentari-license-server
COPY license_server license_server
COPY templates/shared templates/shared
COPY templates/license_server templates/license_server
COPY static static
USER 0
RUN install -d -o 10001 -g 0 -m 0770 /var/lib/sentari-license-server
USER 10001:0
VOLUME /var/lib/sentari-license-server
EXPOSE 8001
HEALTHCHECK --interval=30s --timeout=3s --start-period=20s \
    CMD ["python", "-m", "serverkit.healthcheck", "LICENSE_SERVER_", "8001"]
CMD ["gunicorn", "--config", "license_server/gunicorn.conf.py"]

FROM base AS server
LABEL org.opencontainers.image.title="Sentari" \
      org.opencontainers.image.description="Self-hosted, licensed inventory of installed software" \
      org.opencontainers.image.source="https://github.com/sentari-dev/sentari"
ENV SENTARI_DATA_DIR=/var/lib/sentari
COPY app.py gunicorn.conf.py ./
COPY sentari sentari
COPY templates/shared templates/shared
COPY templates/sentari templates/sentari
COPY static static
USER 0
RUN install -d -o 10001 -g 0 -m 0770 /var/lib/sentari
# The root keys that an official image trusts; with them inside, no setting can replace them.
ARG LICENSE_ROOTS_JSON=""
RUN if [ -n "$LICENSE_ROOTS_JSON" ]; then \
      printf '%s' "$LICENSE_ROOTS_JSON" > sentari/licensing/roots.json && chmod 0444 sentari/licensing/roots.json; \
    fi
USER 10001:0
VOLUME /var/lib/sentari
HEALTHCHECK --interval=30s --timeout=3s --start-period=20s \
    CMD ["python", "-m", "serverkit.healthcheck", "SENTARI_", "8000"]
CMD ["gunicorn"]
