# One image for release, web, worker and clock; see Procfile. No health check: only web can be asked (docs/operations.md).
FROM python:3.11-slim AS build
WORKDIR /app
COPY requirements.lock .
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock

FROM python:3.11-slim
RUN useradd --create-home --uid 10001 sei
WORKDIR /app
COPY --from=build /venv /venv
COPY atlassian-connect.json Procfile ./
COPY app app
COPY workers workers
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOST=0.0.0.0
USER sei
EXPOSE 8080
CMD ["python", "-m", "app", "web"]
