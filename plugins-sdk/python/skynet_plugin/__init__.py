"""Write SmartopolAI plugins in Python.

A tool is a function with `@tool`: its signature becomes the JSON Schema, its docstring the
description. What it raises becomes a typed tool error, never a crash of the plugin. This module
knows nothing of WebAssembly, so `app.py` imports and tests on any machine; the other end is
`guest_tool.py`, which only the built component loads.
"""

import dataclasses
import inspect
import json
import types
import typing

__all__ = ["Context", "Denied", "Failed", "Image", "InvalidArguments", "ToolError", "Unavailable", "call", "plugin", "tool"]

ERROR_CHARS = 2000  # The model reads it: a page at most.


class ToolError(Exception):
    """Why a call gave no outcome; the text goes to the model. Raise one of its kinds."""

    kind = "failed"


class InvalidArguments(ToolError):
    """Arguments that the schema allows and the tool does not."""

    kind = "invalid-arguments"


class Denied(ToolError):
    """The host, or somebody beyond it, refused an effect."""

    kind = "denied"


class Failed(ToolError):
    """It ran and did not work."""


class Unavailable(ToolError):
    """It may work later."""

    kind = "unavailable"


class UnknownTool(ToolError):
    """No tool of that name here."""

    kind = "unknown-tool"


KINDS = {error.kind: error for error in (InvalidArguments, Denied, Failed, Unavailable, UnknownTool)}


@dataclasses.dataclass
class Image:
    """An image in an outcome."""

    mime: str
    data: bytes


@dataclasses.dataclass
class Context:
    """Who and what a call is for. A tool that has a parameter of this type is given it."""

    turn: str = ""
    session: str = ""
    user: str = ""
    deadline_ms: int = 0
    time_zone: str | None = None


@dataclasses.dataclass
class Tool:
    """A registered tool."""

    name: str
    description: str
    parameters: dict
    function: typing.Callable
    context: str | None
    annotations: dict


@dataclasses.dataclass
class Description:
    """What people see in lists."""

    name: str = ""
    summary: str = ""
    config_schema: dict | None = None
    configure: typing.Callable | None = None


TOOLS: dict[str, Tool] = {}
DESCRIPTION = Description()


def plugin(name, summary, config_schema=None, configure=None):
    """Says what the plugin is. `configure(settings)` may raise to refuse proposed settings."""
    DESCRIPTION.name, DESCRIPTION.summary = name, summary
    DESCRIPTION.config_schema, DESCRIPTION.configure = config_schema, configure


def tool(function=None, *, name=None, description=None, read_only=False, destructive=False, idempotent=False, open_world=True):
    """Makes a function a tool of the plugin. Who says nothing of its effects claims nothing."""

    def register(function):
        called = name or function.__name__
        if called in TOOLS:
            raise TypeError(f"there are two tools named {called}")
        parameters, context = schema_of(function)
        hints = {"read_only": read_only, "destructive": destructive, "idempotent": idempotent, "open_world": open_world}
        text = description or inspect.getdoc(function)
        if not text:
            raise TypeError(f"the tool {called} needs a docstring: it is what the model reads")
        TOOLS[called] = Tool(called, text, parameters, function, context, hints)
        return function

    return register(function) if function is not None else register


PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean"}


def schema_of(function):
    """The JSON Schema of a function's parameters, and which of them takes the context."""
    hints = typing.get_type_hints(function, include_extras=True)
    properties, required, context = {}, [], None
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise TypeError(f"{function.__name__}: parameters of a tool have names")
        hint = hints.get(parameter.name, str)
        if hint is Context:
            context = parameter.name
            continue
        properties[parameter.name] = schema(hint, f"{function.__name__}({parameter.name})")
        if parameter.default is parameter.empty:
            required.append(parameter.name)
    found = {"type": "object", "properties": properties, "additionalProperties": False}
    return ({**found, "required": required} if required else found), context


def schema(hint, place):
    """The JSON Schema of a type: str, int, float, bool, list, dict, Literal, Optional, Annotated, dataclasses."""
    if hint in PLAIN:
        return {"type": PLAIN[hint]}
    if hint in (list, dict):
        return {"type": "array" if hint is list else "object"}
    if hint is type(None):
        return {"type": "null"}
    if hint is typing.Any:
        return {}
    if dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint, include_extras=True)
        fields = dataclasses.fields(hint)
        properties = {field.name: schema(hints[field.name], f"{place}.{field.name}") for field in fields}
        missing = dataclasses.MISSING
        required = [field.name for field in fields if field.default is missing and field.default_factory is missing]
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        text = next((part for part in parts[1:] if isinstance(part, str)), None)
        found = schema(parts[0], place)
        for part in parts[1:]:
            found.update(part if isinstance(part, dict) else {})
        return {**found, "description": text} if text else found
    if origin is typing.Literal:
        return {"enum": list(parts)}
    if origin is list:
        return {"type": "array", "items": schema(parts[0], place)}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema(parts[1], place)}
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [schema(part, place) for part in parts]}
    raise TypeError(f"{place}: no JSON Schema for {hint}; use str, int, float, bool, list, dict, Literal, Optional, Annotated or a dataclass")


def built(hint, value):
    """A JSON value as the type that the function asked for: dataclasses are made, the rest stays."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return built(parts[0], value)
    if origin in (typing.Union, types.UnionType):
        made = next((part for part in parts if dataclasses.is_dataclass(part)), None)
        return built(made, value) if made and isinstance(value, dict) else value
    if origin is list and isinstance(value, list):
        return [built(parts[0], item) for item in value]
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        hints = typing.get_type_hints(hint, include_extras=True)
        return hint(**{name: built(hints[name], item) for name, item in value.items()})
    return value


def outcome(value):
    """What a tool gave as ([("text" | "json" | "image", value)], structured)."""
    if value is None:
        return [("text", "done")], None
    if isinstance(value, str):
        return [("text", value)], None
    if isinstance(value, Image):
        return [("image", value)], None
    if isinstance(value, tuple):
        return [part for item in value for part in outcome(item)[0]], None
    data = dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value
    text = json.dumps(data)
    # Structured answers are objects; a list or a number is for the model alone.
    return [("json", text)], text if isinstance(data, dict) else None


def call(name, arguments, context=None):
    """Calls a tool as the host does: JSON text in, (parts, structured) out. Raises ToolError and nothing else."""
    try:
        found = TOOLS.get(name)
        if found is None:
            raise UnknownTool(name)
        hints = typing.get_type_hints(found.function, include_extras=True)
        given = {key: built(hints.get(key), value) for key, value in json.loads(arguments).items()}
        if found.context:
            given[found.context] = context or Context()
        return outcome(found.function(**given))
    except ToolError as error:
        # One of an author's own may be made in another way, and have a kind that nobody knows.
        raise KINDS.get(error.kind, Failed)(said(error)) from error
    # The plugin lives on: what a tool raises is that call's failure, also when it means to end the program.
    except (Exception, SystemExit) as error:
        raise Failed(told(error)) from error


def said(error):
    """What an error says, whatever its author did to it."""
    try:
        return cut(str(error))
    except Exception:
        return type(error).__name__


def told(error):
    """The same with its name, for errors that nobody made for people."""
    return cut(f"{type(error).__name__}: {said(error)}")


def cut(text):
    """A text that a model can take."""
    return text if len(text) <= ERROR_CHARS else text[:ERROR_CHARS] + "…"
