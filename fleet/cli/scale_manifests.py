"""What must a cluster hold so that KEDA follows the targets? (`fleet scale manifests|diff|apply`)"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import click

from fleet.cli.answer import answer, json_option
from fleet.scaling.triggers import Way

if TYPE_CHECKING:
    from fleet.scaling.triggers import Manifest


class Tolerance(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """`auto`, or the HPA's tolerance: 0 where a ScaledObject may close the band, else the cluster's."""

    name = "tolerance"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        if value is None or value == "auto":
            return None
        try:
            tolerance = float(value)
        except ValueError:
            tolerance = -1.0
        if not 0.0 <= tolerance < 0.5:
            self.fail(f"{value!r} is no tolerance: write auto, 0, or the cluster's own, usually 0.1", param, ctx)
        return tolerance


def _placed(command: Any) -> Any:
    """Add the options that say where the manifests belong and whom KEDA asks."""
    for option in reversed(
        (
            click.option("--namespace", default="fleet", show_default=True, help="Namespace of the workers."),
            click.option("--trigger", type=click.Choice(get_args(Way)), default="external-push", show_default=True),
            click.option("--address", "--scaler", help="host:port of the scaler, or the gateway's URL; default: as the chart installs them."),
            click.option("--tls", is_flag=True, help="The scaler serves TLS."),
            click.option("--secret", help="Secret with ca.crt, tls.crt and tls.key (scaler), or an API key `key` (gateway)."),
            click.option("--tolerance", type=Tolerance(), default="auto", show_default=True, help="The HPA's; auto asks the cluster."),
        )
    ):  # fmt: skip
        command = option(command)
    return command


@click.command("manifests")
@_placed
@json_option
def manifests(as_json: bool, **wishes: Any) -> None:
    """Print a KEDA ScaledObject for every pool of the catalogue.

    --tolerance 0 (Kubernetes 1.35 and KEDA 2.18 on) closes the band in which the HPA ignores its metric; elsewhere say how
    wide it is, and the scaler steps over it. `auto` closes it where the cluster of your kubeconfig lets it.
    """
    import yaml

    rendered = _rendered(**wishes)
    answer(rendered, as_json, yaml.safe_dump_all(rendered, sort_keys=False).rstrip())


@click.command("diff")
@_placed
@json_option
def diff(as_json: bool, **wishes: Any) -> None:
    """Compare the cluster's ScaledObjects with the catalogue, and look for second owners of replicas.

    Exit code 1 where there is a difference or a second owner.
    """
    from fleet.catalogue import current as catalogue
    from fleet.scaling.cluster import Cluster
    from fleet.scaling.scaled_objects import KIND, differences, second_owners

    wanted, cluster = _rendered(**wishes), Cluster(wishes["namespace"])
    scaled = cluster.objects()
    others = [found for kind in {row["kind"] for row in wanted} - {KIND} for found in cluster.objects(kind)]
    live = {found["metadata"]["name"]: found for found in (*scaled, *others)}
    changes: dict[str, Any] = {}
    for manifest in wanted:
        name = manifest["metadata"]["name"]
        if name not in live:
            changes[name] = "missing"
        elif found := differences(manifest, live[name]):
            changes[name] = found
    rivals = second_owners(catalogue().pools, cluster.autoscalers(), scaled)
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
def apply(dry_run: bool, as_json: bool, **wishes: Any) -> None:
    """Make the cluster's ScaledObjects what the catalogue says (server-side apply)."""
    from fleet.scaling.cluster import Cluster
    from fleet.secrets import audit

    namespace = wishes["namespace"]
    wanted, cluster = _rendered(**wishes), Cluster(namespace)
    names = [manifest["metadata"]["name"] for manifest in wanted]
    if not dry_run:
        audit.record("scale.apply", namespace, detail={"scaled_objects": ", ".join(names)})
    for manifest in wanted:
        cluster.apply(manifest, dry_run=dry_run)
    done = "would be accepted" if dry_run else "applied"
    answer({"applied": names, "dry_run": dry_run}, as_json, [f"{name}: {done}" for name in names])


def _rendered(
    namespace: str, trigger: Way, address: str | None, tls: bool, secret: str | None, tolerance: float | None
) -> list[Manifest]:
    from fleet.catalogue import current as catalogue
    from fleet.scaling.band import of_cluster
    from fleet.scaling.scaled_objects import ManifestSettings, render
    from fleet.scaling.triggers import Asking
    from fleet.settings import current

    if tolerance is None:
        band = of_cluster()
        tolerance = band.tolerance
        click.echo(f"fleet: tolerance {tolerance:g}: {band.why}", err=True)
    standard = f"scaler.{namespace}.svc:9090" if trigger == "external-push" else f"http://gateway.{namespace}.svc:8080"
    asking = Asking(trigger, address or standard, current().cell, tls, secret)
    return render(catalogue().pools.values(), ManifestSettings(namespace, asking, tolerance))


def _line(name: str, change: Any) -> str:
    return f"{name}: {change.path} is {change.live!r}, should be {change.wanted!r}"
