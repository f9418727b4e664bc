"""The exports of a plugin that speaks a chat system's language: a function `handle` in `app.py`.

Loaded only inside the component. Events and actions are the generated types of
`wit_world.exports.channel`; what `handle` raises becomes its typed error.
"""

import app
from componentize_py_types import Err
from wit_world import exports

from . import told
from .guest_lifecycle import Lifecycle

__all__ = ["Channel", "Lifecycle"]


class Channel(exports.Channel):
    def handle(self, event):
        try:
            return app.handle(event)
        except Exception as error:
            raise Err(told(error)) from None
