# One image per service, with nothing of its peers: docker build --build-arg SERVICE=forecast --tag fieldwise-forecast .
# SERVICE is profile, forecast, allocation, recommend or gateway; traces and jobs run from the gateway's image.

FROM python:3.11-slim-bookworm AS build
ARG SERVICE
WORKDIR /source
COPY requirements.lock overrides.txt ./
# Every version comes from the lock, the installer's too. Hashes go with whole installs only, so constraints lose them.
RUN sed -n 's/^\([a-z0-9][^ ]*==[^ ]*\).*/\1/p' requirements.lock > constraints.txt \
    && pip install --no-cache-dir --constraint constraints.txt uv \
    && python -m venv /opt/fieldwise
COPY protos protos
COPY packages/runtime packages/runtime
COPY packages/executor packages/executor
COPY packages/rules packages/rules
COPY services services
COPY gateway gateway
RUN member=./services/$SERVICE && if [ "$SERVICE" = gateway ]; then member=./gateway; fi \
    && uv pip install --no-cache --compile-bytecode --python /opt/fieldwise/bin/python \
        --constraint constraints.txt --build-constraint constraints.txt --override overrides.txt \
        ./protos ./packages/runtime ./packages/executor ./packages/rules "$member"

FROM python:3.11-slim-bookworm
ARG SERVICE
# libgomp: xgboost's OpenMP, which the slim image lacks.
RUN if [ "$SERVICE" = forecast ]; then \
        apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*; \
    fi \
    && useradd --uid 10001 --no-create-home fieldwise \
    && install -d -o fieldwise /data
COPY --from=build /opt/fieldwise /opt/fieldwise
USER fieldwise
WORKDIR /data
ENV PATH=/opt/fieldwise/bin:$PATH \
    FIELDWISE_DATA=/data \
    FIELDWISE_SERVICE=$SERVICE \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1 \
    NUMBA_CACHE_DIR=/data/compiled \
    PYTHONUNBUFFERED=1
VOLUME /data
# The shell gives way to Python, so that SIGTERM reaches it and calls are drained.
CMD ["sh", "-c", "exec python -m fieldwise_$FIELDWISE_SERVICE"]
