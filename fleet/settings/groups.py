"""Which knobs are there, in which unit, and with which default?

One frozen group per subsystem, closed to unknown names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

CellName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]


class Group(BaseModel):
    """A subsystem's settings: frozen, and closed to unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BrokerSettings(Group):
    url: SecretStr = SecretStr("")
    """Redis, Sentinel or AMQP URL of the Celery broker; empty: the fleet running in the state directory, else localhost."""
    store_url: SecretStr = SecretStr("")
    """Redis URL of the fleet's own state; empty: the broker's, when that is Redis."""
    login_secret: str = ""
    """Path of a secret whose `username` and `password` log in, read for every connection: rotation without restart."""
    connect_timeout_seconds: float = Field(2.0, gt=0)
    """How long a connection attempt may take."""
    socket_timeout_seconds: float = Field(15.0, gt=0)
    """How long a command may take before the connection counts as dead."""
    health_check_seconds: int = Field(4, gt=0)
    """How long a silent connection is trusted; after about twice that a worker opens another."""
    visibility_timeout_seconds: int = Field(3600, gt=0)
    """kombu's own redelivery; the fleet's leases act long before it, so it only has to exceed the longest task."""
    queue_type: Literal["classic", "quorum"] = "classic"
    """AMQP only: classic queues on one server; quorum queues go on when a node of a cluster fails."""
    sign_messages: bool = False
    """Refuse task messages that carry no valid signature."""


class CellSettings(Group):
    broker_url: SecretStr = SecretStr("")
    """URL of the cell's Celery broker; empty: `broker.url`, for the one cell this process belongs to."""
    store_url: SecretStr = SecretStr("")
    """Redis URL of the cell's state; empty: the cell's broker, when that is Redis."""
    weight: float = Field(1.0, gt=0)
    """Share of the tenants it gets, relative to the other cells."""


class DispatchSettings(Group):
    strategy: str = "late_binding"
    """Strategy of task types that name none."""
    speed_or_price: float = Field(0.5, ge=0)
    """kappa of the expected cost: 0 is fastest, 8 is cheapest."""
    hold: float = Field(2.0, ge=0)
    """h of the hold rule: how much queued work justifies leaving a slow slot idle."""
    max_payload_bytes: int = Field(1_048_576, gt=0)
    """Larger payloads are refused at the producer."""
    submit_timeout_seconds: float = Field(5.0, gt=0)
    """How long a submit may wait for the store before it fails."""
    idempotency_seconds: int = Field(86_400, gt=0)
    """How long an idempotency key names the same task."""
    result_seconds: int = Field(86_400, gt=0)
    """How long a finished task's record and result are kept in Redis."""
    retry_budget: float = Field(0.2, ge=0, le=1)
    """Share of the traffic that may be retries."""
    retry_base_seconds: float = Field(1.0, ge=0)
    """First back-off; doubles with every attempt, full jitter."""
    retry_max_seconds: float = Field(300.0, gt=0)
    """Longest back-off."""
    max_attempts: int = Field(3, ge=1)
    """Attempts of task types that name no number."""
    hand_off_threshold_seconds: float = Field(0.05, ge=0)
    """Pools whose mean service is shorter get one extra released task per slot, to hide the hand-off."""


class LeaseSettings(Group):
    heartbeat_seconds: float = Field(2.0, gt=0)
    """How often a worker tells that it lives."""
    lease_seconds: float = Field(6.0, gt=0)
    """Silence after which a worker's tasks run elsewhere."""
    release_seconds: float = Field(5.0, gt=0)
    """A released task no worker claimed within this time is sent again."""
    remove_seconds: float = Field(60.0, gt=0)
    """Silence after which a worker leaves the roster."""
    tick_seconds: float = Field(0.25, gt=0)
    """How often delays, deadlines and leases are looked at."""
    max_worker_losses: int = Field(3, ge=1)
    """A task that took this many workers down goes to the dead letters."""


class HealthSettings(Group):
    interval_seconds: float = Field(30.0, gt=0)
    """How often the health job runs."""
    ghost_seconds: float = Field(30.0, gt=0)
    """A worker that heartbeats but claims nothing this long, while its queue has work, is a ghost."""


class ScalingSettings(Group):
    policy: Literal["staffing", "threshold"] = "staffing"
    """Which decider computes the targets."""
    interval_seconds: float = Field(15.0, gt=0)
    """How often targets are computed."""
    wait_goal_seconds: float = Field(30.0, gt=0)
    """A task that waits longer violates the goal."""
    violation_share: float = Field(0.01, gt=0, lt=1)
    """Share of tasks that may violate the goal."""
    stale_seconds: float = Field(60.0, gt=0)
    """Targets older than this are refused to KEDA, whose fallback then acts."""
    drain_seconds: float = Field(3600.0, gt=0)
    """How long a replica told to leave may finish its work."""


class CostSettings(Group):
    price_set: Literal["list", "reference"] = "list"
    """Which prices apply: current list prices, or the reference table."""
    interval_seconds: float = Field(3600.0, gt=0)
    """How often the cost job runs."""
    ledger_url: SecretStr = SecretStr("")
    """SQLAlchemy URL of the durable ledger; empty: SQLite in the state directory."""
    ledger_login_secret: str = ""
    """Path of a secret whose `username` and `password` log in there, read for every connection: `fleet/database/ledger`."""
    requests_per_hour: int = Field(1000, ge=0)
    """Default rate limit of paid work, per model; 0 switches it off."""
    tokens_per_hour: int = Field(100_000, ge=0)
    """Default token limit of paid work, per model; 0 switches it off."""
    usd_per_hour: float = Field(100.0, ge=0)
    """Default spending limit of paid work, per model; 0 switches it off."""
    ledger_days: int = Field(400, gt=0)
    """How long single ledger entries are kept; older ones stay as daily sums."""
    hold_out_share: float = Field(0.05, ge=0, le=1)
    """Share of tasks that go straight to the best model, so that the savings of escalation are measured."""


class AlertSettings(Group):
    interval_seconds: float = Field(60.0, gt=0)
    """How often rules are evaluated."""
    prometheus_url: str = ""
    """Evaluate from this Prometheus; empty: from the fleet's own numbers."""
    allowed_addresses: tuple[str, ...] = ()
    """Hosts and networks notifications may be posted to, such as hooks.slack.com or 10.1.0.0/16; empty: any but link-local ones."""


class TelemetrySettings(Group):
    log_format: Literal["console", "json"] = "console"
    """How log lines look."""
    log_level: str = "INFO"
    """Lowest level that is written."""
    otlp_endpoint: str = ""
    """Where traces go (OTLP); empty switches tracing off."""
    otlp_protocol: Literal["http/protobuf", "grpc"] = "http/protobuf"
    """How traces go there."""
    trace_sample_ratio: float = Field(0.1, ge=0, le=1)
    """Share of traces that are recorded."""
    trace_url: str = ""
    """Where people look at a trace, such as https://jaeger.example.com/trace/{trace_id}; alerts and searches link there."""
    trace_celery: bool = False
    """Workers also record what opentelemetry-instrumentation-celery sees: spans of Celery tasks that are not the fleet's."""
    metrics_host: str = "127.0.0.1"
    """Address of the metrics program; in a container 0.0.0.0, behind a network policy."""
    metrics_port: int = Field(9808, ge=0, le=65535)
    """Port of the metrics program."""
    history_tasks: int = Field(100_000, gt=0)
    """How many finished tasks stay searchable."""


class LlmSettings(Group):
    provider: Literal["local", "openai", "anthropic"] = "local"
    """Who completes prompts: the embedded server, an OpenAI-compatible API, Anthropic."""
    base_url: str = ""
    """Where the provider answers; empty: its usual address."""
    api_key: SecretStr = SecretStr("")
    """Key for the provider; better kept in the secret backend as `llm_api_key`."""
    model: str = "smollm2-135m"
    """Model of tasks that name none."""
    timeout_seconds: float = Field(120.0, gt=0)
    """How long one completion may take."""


class AgentSettings(Group):
    allowed_roots: tuple[Path, ...] = ()
    """Folders the security scanner may read by path."""
    allowed_targets: tuple[str, ...] = ()
    """host:port, host or CIDR patterns the performance tester may load."""
    sandbox_minimum: tuple[str, ...] = ("resources", "network", "files", "processes")
    """Guarantees (or layers: rlimits, namespaces, landlock, seccomp) without which generated code is not executed."""


class SecretSettings(Group):
    backend: Literal["vault", "local", "environment"] = "environment"
    """Where secrets live."""
    vault_url: str = ""
    """Address of Vault or OpenBao."""
    vault_auth: Literal["token", "approle", "kubernetes", "jwt"] = "approle"
    """How the fleet logs in."""
    vault_mount: str = "fleet"
    """Mount of the KV v2 engine."""
    vault_database_mount: str = "database"
    """Mount of the database engine, which makes the logins under `dynamic/` and `fleet/database/`."""
    vault_namespace: str = ""
    """Namespace, where the server has them."""
    vault_role: str = "fleet"
    """Role to log in as (Kubernetes, JWT), or the AppRole's role id."""
    vault_credential: SecretStr = SecretStr("")
    """Token, the AppRole's secret id, or a JWT."""
    vault_token_file: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
    """Where the platform puts this process's JWT (Kubernetes, JWT)."""
    vault_envelope: bool = False
    """Encrypt secrets with the transit engine before the KV engine sees them."""
    passphrase: SecretStr = SecretStr("")
    """Unlocks the local encrypted file where no OS keyring is present."""
    cache_seconds: float = Field(30.0, ge=0)
    """How long a worker may reuse a secret it read."""
    overlap_seconds: float = Field(120.0, ge=0)
    """How long a rotated credential and its successor are both valid, before and after the switch."""
    mirrored: tuple[Annotated[str, Field(pattern=r"^[a-z0-9_]+=[a-z0-9.-]+$")], ...] = ()
    """`agent_type=Deployment`: agent types whose secrets the `secrets` job keeps as a Kubernetes Secret of its namespace."""
    audit_archive: str = ""
    """File (JSON lines) the audit log is archived to hourly, Redis keeping its newest 100 000 entries; empty: never."""
    warn_days: int = Field(90, gt=0)
    """Age at which a secret should be rotated."""
    critical_days: int = Field(180, gt=0)
    """Age at which a secret must be rotated."""


class GatewaySettings(Group):
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(8080, ge=0, le=65535)
    """Port to listen on."""
    max_request_bytes: int = Field(2_097_152, gt=0)
    """Larger requests are refused."""
    oidc_issuer: str = ""
    """Issuer of accepted JWTs; empty switches OIDC off."""
    oidc_audience: str = "agent-fleet"
    """Audience of accepted JWTs."""
    oidc_jwks_url: str = ""
    """Where the issuer publishes its keys; empty: by discovery."""
    trust_mesh_identity: bool = False
    """Accept the mesh's client-certificate header; only behind a mesh that sets and strips it."""


class BackupSettings(Group):
    place: str = ""
    """Where scheduled backups stand: a folder, or s3://BUCKET/PREFIX; empty: `backups` in the state directory."""
    keep: int = Field(7, ge=1)
    """How many scheduled backups are kept."""
    hour: int = Field(3, ge=0, le=23)
    """When the nightly backup and its restore drill begin."""
    s3_endpoint: str = ""
    """Address of an S3-compatible server; empty: Amazon's."""
    s3_region: str = ""
    """Its region; empty: us-east-1, which most other servers ignore."""
    s3_access_key: str = ""
    """Access key id; empty: the environment's (AWS_*), or what the platform gives this process."""
    s3_secret_key: SecretStr = SecretStr("")
    """Its secret key."""
    s3_login_secret: str = ""
    """Path of a secret whose `username` and `password` are the access key, instead of the two above."""


class ReportSettings(Group):
    p95_seconds: float = Field(5.0, gt=0)
    """Goal: 95 % of the tasks answer within this time."""
    error_rate: float = Field(0.01, gt=0, lt=1)
    """Goal: fewer tasks fail than this share."""
    cpu: float = Field(0.80, gt=0, le=1)
    """Goal: less of the processors is used."""
    memory: float = Field(0.85, gt=0, le=1)
    """Goal: less of the memory is used."""
    budget: float = Field(0.80, gt=0, le=1)
    """Goal: less of every budget is spent."""
    success_slo: float = Field(0.99, gt=0, lt=1)
    """Service level objective: at least this share of the month's tasks succeed; the rest is the error budget."""
    keep: int = Field(60, ge=1)
    """How many reports of each kind are kept."""
