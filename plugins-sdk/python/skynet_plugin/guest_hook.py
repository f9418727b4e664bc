"""The exports of a plugin that watches what passes: an object `hook` in `app.py`.

Loaded only inside the component. What the hook raises by accident in `before` blocks, as a crash
would at a point that guards, but the plugin lives on.
"""

import app
from wit_world import exports
from wit_world.exports.hook import Verdict_Allow, Verdict_Block, Verdict_Modify

from .guest_lifecycle import Lifecycle

__all__ = ["Hook", "Lifecycle"]


class Hook(exports.Hook):
    def points(self):
        return list(app.hook.points)

    def before(self, point, payload):
        try:
            verdict = app.hook.before(point, payload)
        except Exception as error:
            return Verdict_Block(f"{type(error).__name__}: {error}")
        if verdict is None:
            return Verdict_Allow()
        kind, text = verdict
        return Verdict_Block(text) if kind == "block" else Verdict_Modify(text)

    def after(self, point, payload):
        app.hook.after(point, payload)
