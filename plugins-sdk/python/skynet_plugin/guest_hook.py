"""The exports of a plugin that watches what passes: an object `hook` in `app.py`.

Loaded only inside the component. What the hook raises by accident in `before` blocks, as a crash
would at a point that guards, but the plugin lives on; in `after` it is a line in the log. Without its
points a hook guards nothing, so there an error ends it, and the log says why.
"""

import app
from wit_world import exports
from wit_world.exports.hook import Verdict_Allow, Verdict_Block, Verdict_Modify

from . import told
from .guest_lifecycle import Lifecycle
from .host import log

__all__ = ["Hook", "Lifecycle"]

VERDICTS = {"block": Verdict_Block, "modify": Verdict_Modify}


class Hook(exports.Hook):
    def points(self):
        try:
            return [str(point) for point in app.hook.points]
        except Exception as error:
            log("error", f"the hook's points: {told(error)}")
            raise

    def before(self, point, payload):
        try:
            verdict = app.hook.before(point, payload)
            if verdict is None:
                return Verdict_Allow()
            kind, text = verdict
            return VERDICTS[kind](str(text))
        except Exception as error:
            return Verdict_Block(told(error))

    def after(self, point, payload):
        try:
            app.hook.after(point, payload)
        except Exception as error:
            log("error", f"after {point}: {told(error)}")
