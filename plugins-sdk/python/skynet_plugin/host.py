"""What a plugin may ask of the host: log, config, secrets, kv, memory, knowledge, schedule, agent, messages.

Each is the generated module of its interface, with its functions. One that `plugin.toml` does not
ask for is not in the component; using it raises `Denied` and says what to add. Outside of a
component only `log` works, to stderr, so that an author's own tests run.
"""

import importlib
import json
import sys

from . import Denied, Failed, Unavailable

try:
    from componentize_py_types import Err
except ImportError:
    Err = None

POWERS = ("kv", "memory", "knowledge", "schedule", "agent", "messages", "script", "secret_reveal", "propose", "terminal")


def _module(name):
    try:
        return importlib.import_module(f"wit_world.imports.{name}")
    except ImportError:
        return None


class _Interface:
    """An interface by its name; a refusal of the host is raised as Failed."""

    def __init__(self, name):
        self._name, self._there = name, _module(name)

    def __getattr__(self, function):
        if self._there is None:
            if _module("log") is None:
                raise Unavailable(f"{self._name} is there only inside the host")
            raise Denied(f"this plugin's manifest does not ask for `{self._name}`: add it to [permissions] in plugin.toml")
        found = getattr(self._there, function)
        if not callable(found) or isinstance(found, type):
            return found

        def ask(*arguments):
            try:
                return found(*arguments)
            except Err as error:
                value = getattr(error.value, "value", error.value)
                raise Failed(f"{self._name}.{function}: {value}") from None

        return ask


kv, memory, knowledge, schedule, agent, messages, script, secret_reveal, propose, terminal = (_Interface(name) for name in POWERS)
_log, _config, _secrets = (_module(name) for name in ("log", "config", "secrets"))


def log(level, text):
    """One line in the host's log: trace, debug, info, warn or error."""
    if _log is None:
        print(f"{level}: {text}", file=sys.stderr)
    else:
        _log.log(_log.Level[level.upper()], text)


def setting(key, otherwise=None):
    """One value of the configuration that the owner gave this plugin."""
    text = _config.get(key) if _config else None
    return otherwise if text is None else json.loads(text)


def has_secret(name):
    """Whether the owner has set the secret of that name. Its value is the host's to use."""
    return bool(_secrets and _secrets.exists(name))
