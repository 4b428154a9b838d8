"""How does an assistant on call reach the fleet? (`fleet mcp`)"""

from __future__ import annotations

import click

INSTRUCTIONS = (
    "Agent Fleet runs AI-agent tasks on Celery. Begin with `status`, then `doctor`; `explain_task` and `scale_explain` read "
    "what was recorded with a decision. Names are those of the catalogue: pools, task types, workers."
)


@click.command()
@click.option(
    "--allow-actions", is_flag=True, help="Also offer pause, resume, drain and cancel; each use is in the audit log."
)
def mcp(allow_actions: bool) -> None:
    """Serve the fleet to an assistant over standard input and output; it may only look, unless told otherwise."""
    try:
        from mcp.server import MCPServer
        from mcp_types import ToolAnnotations
    except ImportError:
        raise click.ClickException("the fleet's images leave the package mcp out: run `fleet mcp` where agent-fleet is installed with pip") from None

    from fleet import __version__
    from fleet.cli import mcp_tools

    server = MCPServer("agent-fleet", version=__version__, instructions=INSTRUCTIONS, log_level="WARNING")
    for look in mcp_tools.LOOKS:
        server.add_tool(look, annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))
    for action in mcp_tools.ACTIONS if allow_actions else ():
        server.add_tool(action, annotations=ToolAnnotations(read_only_hint=False, open_world_hint=False))
    server.run("stdio")
