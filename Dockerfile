# syntax=docker/dockerfile:1
# One recipe for every image: --build-arg COMPONENT=control (the fleet's own programs) or a worker type of deploy/image/components.toml.
# The digest is that of the manifest list; the dependency bot renews it.
FROM python:3.13.15-slim-trixie@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285 AS base

FROM base AS build
ARG COMPONENT=control
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
# For `strip` alone, and only here: whatever Debian's release, pinned by the base's digest, offers will do.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
COPY deploy/image/ deploy/image/
COPY pyproject.toml constraints.txt README.md ./
# Wheels only: no compiler is needed here, and none can slip into the result. Every file must be the one whose hash is known.
RUN python -m venv /opt/fleet \
    && python deploy/image/requirements.py "${COMPONENT}" > /tmp/requirements.txt \
    && /opt/fleet/bin/pip install --only-binary :all: --constraint constraints.txt --constraint deploy/image/hashes.txt \
       --requirement /tmp/requirements.txt
COPY fleet/ fleet/
COPY workers/ workers/
COPY beat_schedules/ beat_schedules/
RUN /opt/fleet/bin/pip install --no-deps . \
    && python -m venv /opt/sbom \
    && /opt/sbom/bin/pip install cyclonedx-bom==7.5.0 \
    && mkdir /opt/fleet/sbom \
    && /opt/sbom/bin/cyclonedx-py environment --output-reproducible --of JSON -o /opt/fleet/sbom/python.cdx.json /opt/fleet/bin/python \
    && sh deploy/image/prune.sh /opt/fleet

FROM base AS runtime
ARG COMPONENT=control
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="agent-fleet ${COMPONENT}" \
      org.opencontainers.image.description="Runs AI-agent work in production on Celery." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      fleet.component="${COMPONENT}" \
      fleet.sbom="/opt/fleet/sbom/python.cdx.json"
ENV PATH=/opt/fleet/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONPYCACHEPREFIX=/tmp/pycache \
    FLEET_STATE_DIR=/tmp/.fleet \
    FLEET_BUILD=${VERSION}+${REVISION} \
    HOME=/tmp
COPY --from=build /opt/fleet /opt/fleet
COPY --from=build /src/deploy/image/healthcheck.py /opt/fleet/healthcheck.py
USER 10001:10001
WORKDIR /tmp
HEALTHCHECK --interval=30s --timeout=15s --start-period=60s --retries=3 CMD ["python", "/opt/fleet/healthcheck.py"]
ENTRYPOINT ["fleet"]
CMD ["--help"]
