"""How does the shell complete `fleet`?"""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), default="bash")
def completion(shell: str) -> None:
    """Print shell completion, as in  source <(fleet completion bash)."""
    from click.shell_completion import get_completion_class

    from fleet.cli.main import cli

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(cli, {}, "fleet", "_FLEET_COMPLETE").source())
