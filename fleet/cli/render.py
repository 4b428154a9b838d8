"""How does the catalogue reach Kubernetes? (`fleet render chart-values`)"""

from __future__ import annotations

from pathlib import Path

import click

from fleet.cli.answer import answer, json_option


@click.group()
def render() -> None:
    """Render the catalogue as chart values."""


@render.command("chart-values")
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Catalogue file; default: the one that applies here.",
)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write there instead of printing.")
@click.option("--image-registry", default="", help="Registry of images the catalogue does not name.")
@click.option("--image-repository", default="agent-fleet", show_default=True, help="Prefix: one image per agent type.")
@click.option("--image-tag", default="", help="Their tag; default: the chart's appVersion.")
@click.option(
    "--measured-grace", type=click.FloatRange(min=0, min_open=True), metavar="DAYS",
    help="Grace periods by what tasks took in so many days (`fleet scale grace`), not as declared.",
)
@json_option
def chart_values(
    file: Path | None,
    output: Path | None,
    image_registry: str,
    image_repository: str,
    image_tag: str,
    measured_grace: float | None,
    as_json: bool,
) -> None:
    """Print values for the chart: `fleet render chart-values > pools.yaml`, then `helm install -f pools.yaml`.

    Secret settings of the file are left out, and named on stderr.
    """
    from importlib.resources import files

    import yaml

    from fleet.catalogue.load import combine, load
    from fleet.catalogue.positions import read
    from fleet.cli.chart_values import Images
    from fleet.cli.chart_values import chart_values as values_of
    from fleet.settings import catalogue_file

    source = file or catalogue_file()
    built_in = combine([read(files("fleet.catalogue").joinpath("defaults.yaml").read_text(), "defaults.yaml")])
    document = yaml.safe_load(source.read_text()) if source else None
    grace = {}
    if measured_grace is not None:
        from fleet.cli.scale_grace import measured

        for row in measured(measured_grace):
            grace[row.pool] = row.recommended_seconds
            click.echo(f"fleet: {row.pool}: grace {row.recommended_seconds} s ({row.why})", err=True)
    images = Images(image_registry, image_repository, image_tag)
    found = values_of(load(source), document, built_in.pools, images, grace)
    for name in found.left_out:
        click.echo(f"fleet: {name} is secret and was left out: keep it in a Kubernetes Secret", err=True)
    text = yaml.safe_dump(dict(found.values), sort_keys=False, width=118)
    if output is None:
        answer(found.values, as_json, text.rstrip())
        return
    output.write_text(text)
    answer({"written": output, "pools": list(found.values["pools"])}, as_json, f"written to {output}")
