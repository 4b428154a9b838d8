"""How is the gateway started?"""

from __future__ import annotations

from typing import Any

import click

FACTORY = "fleet.gateway.app:create"
OPTIONS: dict[str, Any] = {
    "ws": "none",
    "log_config": None,
    "access_log": False,
    "server_header": False,
    "proxy_headers": False,
    "limit_concurrency": 2000,
    "timeout_keep_alive": 15,
    "timeout_graceful_shutdown": 20,
}


@click.command("gateway")
@click.option("--host", help="Address to listen on; default: settings.gateway.host.")
@click.option("--port", type=int, help="Port to listen on; default: settings.gateway.port.")
@click.option("--certificate", type=click.Path(exists=True), help="TLS certificate chain (PEM).")
@click.option("--private-key", type=click.Path(exists=True), help="TLS private key (PEM).")
def command(host: str | None, port: int | None, certificate: str | None, private_key: str | None) -> None:
    """Serve the HTTP API. The first start of a fleet prints a key for its admin, once."""
    from fleet.dispatcher import declare
    from fleet.secrets import api_keys, audit
    from fleet.settings import current
    from fleet.store.client import connect
    from fleet.telemetry import logs
    from fleet.telemetry.begin import begin

    settings = current()
    logs.configure(settings.telemetry.log_level, settings.telemetry.log_format)
    first = api_keys.first_admin(connect(), settings.cell)
    if first is not None:
        audit.record("api_key.create", first.get_secret_value().split("_")[1], detail={"name": "first start"})
        click.echo(
            "This fleet has no API key yet. Its first one, for an admin, valid for a day and shown only now:\n"
            f"  {first.get_secret_value()}\n"
            "Make your own with it or with `fleet keys create NAME --role admin`, then revoke it."
        )
    declare.publish()
    begin("fleet-gateway")
    chosen = settings.gateway.port if port is None else port
    serve(FACTORY, host or settings.gateway.host, chosen, certificate, private_key)


def serve(factory: str, host: str, port: int, certificate: str | None = None, private_key: str | None = None) -> None:
    """Serve an ASGI application (`module:function` that makes it) until told to stop.

    What is there before the first request stays: the collector leaves it alone, since a look at all of it stops every
    request for 50 ms.
    """
    import gc

    import uvicorn
    from uvicorn.importer import import_from_string

    application = import_from_string(factory)()
    gc.collect()
    gc.freeze()
    uvicorn.run(application, host=host, port=port, ssl_certfile=certificate, ssl_keyfile=private_key, **OPTIONS)
