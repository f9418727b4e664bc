"""The exports of a plugin that answers as a model: functions `models` and `complete` in `app.py`.

Loaded only inside the component. Requests and answers are the generated types of
`wit_world.exports.provider`; what the functions raise by accident becomes `provider-error.other`.
"""

import app
from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.provider import ProviderError_Other

from . import told
from .guest_lifecycle import Lifecycle

__all__ = ["Lifecycle", "Provider"]


def guarded(work, *arguments):
    try:
        return work(*arguments)
    except Err:
        raise
    except Exception as error:
        raise Err(ProviderError_Other(("exception", told(error)))) from None


class Provider(exports.Provider):
    def models(self):
        return guarded(app.models)

    def complete(self, request, sink):
        return guarded(app.complete, request, sink)
