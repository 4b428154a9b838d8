"""How does KEDA get a scaler to ask? (`fleet scaler`)"""

from __future__ import annotations

from pathlib import Path

import click


@click.command("scaler")
@click.option("--listen", default="[::]:9090", show_default=True, help="Address and port.")
@click.option("--tls-certificate", type=click.Path(path_type=Path), help="Server certificate (PEM).")
@click.option("--tls-key", type=click.Path(path_type=Path), help="Its key (PEM).")
@click.option(
    "--client-authority", type=click.Path(path_type=Path), help="Admit only clients with a certificate of this CA."
)
@click.option("--json", "as_json", is_flag=True, help="Announce the port as JSON.")
def scaler(
    listen: str, tls_certificate: Path | None, tls_key: Path | None, client_authority: Path | None, as_json: bool
) -> None:
    """Serve scaling targets to KEDA (external-push gRPC contract) until stopped."""
    import json

    from fleet.scaling.scaler_tls import Tls
    from fleet.scaling.serve import serve
    from fleet.settings import current

    if (tls_certificate is None) != (tls_key is None) or (client_authority and not tls_certificate):
        raise click.UsageError("TLS needs --tls-certificate and --tls-key; --client-authority needs both")
    tls = Tls(tls_certificate, tls_key, client_authority) if tls_certificate and tls_key else None

    def started(port: int) -> None:
        event = {
            "event": "scaler.started",
            "port": port,
            "tls": tls is not None,
            "mutual": client_authority is not None,
        }
        click.echo(json.dumps(event) if as_json else f"the scaler listens on port {port}")

    serve(current(), listen, tls, started)
