"""Which Celery application is this fleet?

`celery -A fleet.app worker` works as any Celery user expects. JSON only; one queue per pool; the fleet's own door and
backend around declared task types. The agents' modules are named as strings: the fleet never imports them.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from celery import Celery
from kombu import Exchange, Queue
from kombu.transport import TRANSPORT_ALIASES

from fleet import catalogue
from fleet.settings import current
from fleet.store.client import broker_url, speaks_redis, store_url
from fleet.store.credentials import celery_url
from fleet.store.sentinel import is_sentinel, parse

MAINTENANCE_QUEUE = "fleet.maintenance"
POOL_VARIABLE = "FLEET_POOL"
INSTRUMENTS_MODULE = "fleet.lifecycle.instruments"
SCHEDULE_MODULE = "beat_schedules.standard"
TRANSPORT = "fleet.dispatcher.transport:Transport"
BACKEND = "fleet.dispatcher.outcome.FleetBackend"
SENTINEL_TRANSPORT = "fleet.dispatcher.transport:SentinelTransport"
SENTINEL_BACKEND = "fleet.dispatcher.outcome.FleetSentinelBackend"
HEARTBEAT_SECONDS = 10.0
"""AMQP only: how soon a connection to a host that vanished counts as dead."""


def agent_modules(pool: str | None) -> tuple[str, ...]:
    """Return the modules whose import registers the tasks this worker may run: one agent's, or everybody's."""
    declared = catalogue.current()
    if pool == "maintenance":
        return ("workers.maintenance.jobs",)
    if pool and (row := declared.pool(pool)):
        return (declared.agent_types[row.agent_type].module,)
    return (*sorted({agent.module for agent in declared.agent_types.values()}), "workers.maintenance.jobs")


def configuration() -> dict[str, Any]:
    """Return the Celery settings that make the promises hold; each deviation from Celery's default has its reason."""
    declared, settings = catalogue.current(), current()
    visibility = settings.broker.visibility_timeout_seconds
    is_redis = speaks_redis(broker_url())
    transport = {
        # The fleet's leases act within seconds; kombu's redelivery only has to stay out of the way of long tasks.
        "visibility_timeout": visibility, "unacked_restore_interval": 5, "unacked_restore_throttle": 1, "unacked_restore_limit": 500,
        "socket_timeout": settings.broker.socket_timeout_seconds, "socket_connect_timeout": settings.broker.connect_timeout_seconds,
        "socket_keepalive": True, "health_check_interval": settings.broker.health_check_seconds, "queue_order_strategy": "priority",
        "client_name": "fleet-worker",
    }  # fmt: skip
    results = {"visibility_timeout": visibility, "retry_policy": {"timeout": 5.0}}
    if is_sentinel(broker_url()):
        transport |= parse(broker_url()).options
    if is_sentinel(store_url()):
        results |= parse(store_url()).options
    return {
        "broker_url": celery_url(broker_url()),
        "result_backend": f"{SENTINEL_BACKEND if is_sentinel(store_url()) else BACKEND}+{celery_url(store_url())}",
        "broker_transport_options": transport if is_redis else _amqp_options(),
        "broker_connection_timeout": settings.broker.connect_timeout_seconds,
        "broker_heartbeat": HEARTBEAT_SECONDS,
        "result_backend_transport_options": results,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # A server that is full or was demoted answers with an error of its own: waited for, like one that is away.
        "broker_channel_error_retry": True,
        "broker_pool_acquire_timeout": 10,
        "task_publish_retry_policy": {"max_retries": 3, "interval_start": 0, "interval_step": 0.2, "interval_max": 1},
        "task_queues": [
            Queue(name, Exchange(""), routing_key=name, queue_arguments=None if is_redis else _amqp_queue())
            for name in (*(pool.queue for pool in declared.pools.values()), MAINTENANCE_QUEUE)
        ],
        "task_default_queue": MAINTENANCE_QUEUE,
        "task_create_missing_queues": True,
        "worker_consumer": "fleet.lifecycle.intake:FleetConsumer",
        # A lost worker's task is the lease's business, not the broker's: the message is done once the attempt is claimed.
        # AMQP counts what is not acknowledged against the prefetch: acknowledged late, a busy worker is sent nothing more,
        # which on Redis is `worker_disable_prefetch`. What comes again after a lost connection is fenced by its attempt.
        "task_acks_late": not is_redis,
        "task_reject_on_worker_lost": False,
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "result_expires": settings.dispatch.result_seconds,
        "result_chord_expires": settings.dispatch.result_seconds,
        "task_track_started": False,
        "worker_prefetch_multiplier": 1,
        # With prefetch a busy worker hoards tasks another worker could run.
        "worker_disable_prefetch": is_redis,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_soft_shutdown_timeout": 0,
        "worker_max_tasks_per_child": 1000,
        "worker_hijack_root_logger": False,
        # Costly for short tasks; Flower switches them on by itself while it runs.
        "worker_send_task_events": False,
        "task_send_sent_event": False,
        "beat_max_loop_interval": 5,
        "beat_scheduler": "fleet.lifecycle.scheduler:FleetScheduler",
        "timezone": settings.timezone,
        "enable_utc": True,
        "imports": (INSTRUMENTS_MODULE, *agent_modules(os.environ.get(POOL_VARIABLE))),
        "beat_schedule": import_module(SCHEDULE_MODULE).SCHEDULE,
    }


def _amqp_options() -> dict[str, Any]:
    """Confirmed publishing, and errors within seconds instead of Celery's endless reconnecting while a producer waits."""
    return {"confirm_publish": True, "max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}


def _amqp_queue() -> dict[str, Any]:
    """Arguments of every declared queue; RabbitMQ hands a message out anew when nobody acknowledged it in time."""
    broker = current().broker
    return {"x-queue-type": broker.queue_type, "x-consumer-timeout": broker.visibility_timeout_seconds * 1000}


class FleetApp(Celery):  # type: ignore[misc]
    """Celery with the fleet's door; strings keep the floors above unimported."""

    amqp_cls = "fleet.dispatcher.door:FleetAMQP"
    task_cls = "fleet.dispatcher.execution:FleetTask"
    control_cls = "fleet.dispatcher.door:FleetControl"


# kombu's Redis transport, watchful; by its usual name, so that URLs read as ever (Flower parses them).
TRANSPORT_ALIASES.update(redis=TRANSPORT, rediss=TRANSPORT, sentinel=SENTINEL_TRANSPORT)

app = FleetApp("fleet", set_as_current=True)
app.conf.update(configuration())
app.steps["worker"].add("fleet.lifecycle:Membership")
app.steps["consumer"].add("fleet.lifecycle:Consumption")
