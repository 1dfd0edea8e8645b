# Two images from one file. The customer's (the default, last target) holds nothing of the
# vendor's: `docker build .`; the vendor's: `docker build --target license-server .`
# To pin the base: --build-arg BASE=python:3.13-slim@sha256:...
ARG BASE=python:3.13-slim

# The libraries, each compared with its hash in requirements.txt, and the bill of materials of each
# image. pip itself stays here. A mirror of your own is named in a file that no layer keeps:
# --secret id=pip.conf,src=pip.conf
FROM ${BASE} AS libraries
WORKDIR /build
COPY requirements.txt ./
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python -m venv --without-pip /venv \
    && pip --python /venv/bin/python install --no-cache-dir --disable-pip-version-check --no-compile \
        --require-hashes --no-deps -r requirements.txt \
    && python -m compileall -q --invalidation-mode unchecked-hash /venv/lib
COPY tools/image_sbom.py ./
COPY static/vendor/VENDOR.json ./
ARG VERSION=0.1.0
RUN /venv/bin/python image_sbom.py sentari "$VERSION" VENDOR.json > sentari.cdx.json \
    && /venv/bin/python image_sbom.py sentari-license-server "$VERSION" VENDOR.json > sentari-license-server.cdx.json

FROM ${BASE} AS base
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY --from=libraries /venv /venv
WORKDIR /srv

# Compiled here, since nothing can be written in a running container. Whatever the mask was under
# which the files were checked out, every user may read them.
FROM base AS license-server-files
COPY serverkit serverkit
COPY license_token license_token
COPY license_server license_server
COPY templates/shared templates/shared
COPY templates/license_server templates/license_server
COPY static static
RUN chmod -R a+rX,go-w . && python -m compileall -q --invalidation-mode unchecked-hash .

FROM base AS server-files
COPY app.py gunicorn.conf.py ./
COPY serverkit serverkit
COPY license_token license_token
COPY sentari sentari
COPY templates/shared templates/shared
COPY templates/sentari templates/sentari
COPY static static
# The root keys that an official image trusts; with them inside, no setting can replace them.
ARG LICENSE_ROOTS_JSON=""
RUN if [ -n "$LICENSE_ROOTS_JSON" ]; then \
      printf '%s' "$LICENSE_ROOTS_JSON" > sentari/licensing/roots.json \
      && python -c "import sys; from license_token.keys import RootSet; RootSet.parse(sys.argv[1])" "$LICENSE_ROOTS_JSON"; \
    fi \
    && chmod -R a+rX,go-w . && python -m compileall -q --invalidation-mode unchecked-hash .

FROM base AS license-server
ARG VERSION=0.1.0
ARG REVISION=""
LABEL org.opencontainers.image.title="Sentari license server" \
      org.opencontainers.image.description="The vendor's side: customers, licenses, check-ins" \
      org.opencontainers.image.source="https://github.com/sentari-dev/sentari" \
      org.opencontainers.image.documentation="https://github.com/sentari-dev/sentari/blob/main/docs/license-server.md" \
      org.opencontainers.image.vendor="Sentari" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
ENV LICENSE_SERVER_DATA_DIR=/var/lib/sentari-license-server
COPY --from=license-server-files /srv /srv
COPY --from=libraries /build/sentari-license-server.cdx.json /srv/sbom.cdx.json
# Any user of group 0 may write here: OpenShift runs containers under a number of its own choice.
RUN install -d -o 10001 -g 0 -m 0770 /var/lib/sentari-license-server
USER 10001:0
VOLUME /var/lib/sentari-license-server
EXPOSE 8001
HEALTHCHECK --interval=30s --timeout=3s --start-period=20s \
    CMD ["python", "-m", "serverkit.healthcheck", "LICENSE_SERVER_", "8001"]
CMD ["gunicorn", "--config", "license_server/gunicorn.conf.py"]

FROM base AS server
ARG VERSION=0.1.0
ARG REVISION=""
LABEL org.opencontainers.image.title="Sentari" \
      org.opencontainers.image.description="Self-hosted, licensed inventory of installed software" \
      org.opencontainers.image.source="https://github.com/sentari-dev/sentari" \
      org.opencontainers.image.documentation="https://github.com/sentari-dev/sentari/blob/main/docs/operations.md" \
      org.opencontainers.image.vendor="Sentari" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
ENV SENTARI_DATA_DIR=/var/lib/sentari
COPY --from=server-files /srv /srv
COPY --from=libraries /build/sentari.cdx.json /srv/sbom.cdx.json
RUN install -d -o 10001 -g 0 -m 0770 /var/lib/sentari
USER 10001:0
VOLUME /var/lib/sentari
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=3s --start-period=20s \
    CMD ["python", "-m", "serverkit.healthcheck", "SENTARI_", "8000"]
CMD ["gunicorn"]
