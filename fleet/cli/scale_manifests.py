"""What must a cluster hold so that KEDA follows the targets? (`fleet scale manifests|diff|apply`)"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fleet.cli.answer import answer, json_option

if TYPE_CHECKING:
    from fleet.scaling.scaled_objects import Manifest


def _placed(command: Any) -> Any:
    """Add the options that say where the manifests belong."""
    for option in (
        click.option("--namespace", default="fleet", show_default=True, help="Namespace of the workers."),
        click.option(
            "--scaler", "scaler_address", help="host:port of the scaler; default: scaler.<namespace>.svc:9090."
        ),
        click.option("--tolerance", default=0.0, show_default=True, type=click.FloatRange(0, 0.5, max_open=True)),
    ):
        command = option(command)
    return command


@click.command("manifests")
@_placed
@json_option
def manifests(namespace: str, scaler_address: str | None, tolerance: float, as_json: bool) -> None:
    """Print a KEDA ScaledObject for every pool of the catalogue.

    --tolerance 0 (Kubernetes 1.35 on) sets the HPA's own tolerance; before that say the cluster's, usually 0.1.
    """
    import yaml

    rendered = _rendered(namespace, scaler_address, tolerance)
    answer(rendered, as_json, yaml.safe_dump_all(rendered, sort_keys=False).rstrip())


@click.command("diff")
@_placed
@json_option
def diff(namespace: str, scaler_address: str | None, tolerance: float, as_json: bool) -> None:
    """Compare the cluster's ScaledObjects with the catalogue, and look for second owners of replicas.

    Exit code 1 where there is a difference or a second owner.
    """
    from fleet.catalogue import current as catalogue
    from fleet.scaling.cluster import Cluster
    from fleet.scaling.scaled_objects import differences, second_owners

    wanted, cluster = _rendered(namespace, scaler_address, tolerance), Cluster(namespace)
    live = {found["metadata"]["name"]: found for found in cluster.scaled_objects()}
    changes: dict[str, Any] = {}
    for manifest in wanted:
        name = manifest["metadata"]["name"]
        if name not in live:
            changes[name] = "missing"
        elif found := differences(manifest, live[name]):
            changes[name] = found
    rivals = second_owners(catalogue().pools, cluster.autoscalers(), list(live.values()))
    lines = []
    for name, found in changes.items():
        lines += [f"{name}: missing"] if found == "missing" else [_line(name, change) for change in found]
    lines += [rival.advice for rival in rivals]
    document = {"differences": changes, "second_owners": rivals, "equal": not changes and not rivals}
    answer(document, as_json, lines or "the cluster has what the catalogue says")
    if changes or rivals:
        raise SystemExit(1)


@click.command("apply")
@_placed
@click.option("--dry-run", is_flag=True, help="Let the server check, change nothing.")
@json_option
def apply(namespace: str, scaler_address: str | None, tolerance: float, dry_run: bool, as_json: bool) -> None:
    """Make the cluster's ScaledObjects what the catalogue says (server-side apply)."""
    from fleet.scaling.cluster import Cluster
    from fleet.secrets import audit

    wanted, cluster = _rendered(namespace, scaler_address, tolerance), Cluster(namespace)
    names = [manifest["metadata"]["name"] for manifest in wanted]
    if not dry_run:
        audit.record("scale.apply", namespace, detail={"scaled_objects": ", ".join(names)})
    for manifest in wanted:
        cluster.apply(manifest, dry_run=dry_run)
    done = "would be accepted" if dry_run else "applied"
    answer({"applied": names, "dry_run": dry_run}, as_json, [f"{name}: {done}" for name in names])


def _rendered(namespace: str, scaler_address: str | None, tolerance: float) -> list[Manifest]:
    from fleet.catalogue import current as catalogue
    from fleet.scaling.scaled_objects import ManifestSettings, render
    from fleet.settings import current

    address = scaler_address or f"scaler.{namespace}.svc:9090"
    return render(catalogue().pools.values(), ManifestSettings(namespace, current().cell, address, tolerance))


def _line(name: str, change: Any) -> str:
    return f"{name}: {change.path} is {change.live!r}, should be {change.wanted!r}"
