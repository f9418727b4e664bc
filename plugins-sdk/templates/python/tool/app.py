"""{{title}}: tools for the model. Say here what they do."""

from typing import Annotated

from skynet_plugin import plugin, tool

plugin("{{title}}", "Greets somebody by name.")


@tool(read_only=True, idempotent=True, open_world=False)
def greet(name: Annotated[str, "Whom to greet."]) -> str:
    """Greets somebody by name."""
    return f"Hello, {name}."
