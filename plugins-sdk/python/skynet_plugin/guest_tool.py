"""The exports of a plugin with tools, over the registry in `__init__.py`.

Loaded only inside the component, by the few lines that `skynet plugin build` writes. The class
names are those that componentize-py looks for.
"""

import json

import skynet_plugin as sdk
from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import tool as wit
from wit_world.imports import skynet_plugin_types as shared

from .guest_lifecycle import Lifecycle

__all__ = ["Lifecycle", "Tool"]

ERRORS = {
    "unknown-tool": wit.ToolError_UnknownTool,
    "invalid-arguments": wit.ToolError_InvalidArguments,
    "denied": wit.ToolError_Denied,
    "failed": wit.ToolError_Failed,
    "unavailable": wit.ToolError_Unavailable,
}


def part(kind, value):
    if kind == "image":
        return shared.ResultPart_Image(shared.Blob(value.mime, value.data))
    return shared.ResultPart_Json(value) if kind == "json" else shared.ResultPart_Text(value)


class Tool(exports.Tool):
    def tools(self):
        return [
            wit.ToolSpec(
                name=tool.name,
                description=tool.description,
                parameters=json.dumps(tool.parameters),
                output=None,
                annotations=wit.Annotations(**tool.annotations),
                extra=[],
            )
            for tool in sdk.TOOLS.values()
        ]

    def call(self, name, arguments, context):
        who = sdk.Context(context.turn, context.session, context.user, context.deadline_ms, context.time_zone)
        try:
            parts, structured = sdk.call(name, arguments, who)
        except sdk.ToolError as error:
            raise Err(ERRORS[error.kind](sdk.said(error))) from None
        return wit.Outcome([part(kind, value) for kind, value in parts], structured, [])
