"""The exports of a plugin that answers as a model: functions `models` and `complete` in `app.py`.

Loaded only inside the component. Requests and answers are the generated types of
`wit_world.exports.provider`; what the functions raise by accident becomes `provider-error.other`.
"""

import app
from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.provider import ProviderError_Cancelled, ProviderError_Other, ProviderError_Protocol
from wit_world.imports.delta_sink import EmitError_Cancelled, EmitError_TooLarge

from . import cut, told
from .guest_lifecycle import Lifecycle

__all__ = ["Lifecycle", "Provider"]


def provider_error(value):
    """What the sink said is not what a provider may say: an error of another interface would end the call in a trap."""
    match value:
        case EmitError_Cancelled():
            return ProviderError_Cancelled()
        case EmitError_TooLarge(value=text):
            return ProviderError_Protocol(f"the answer is larger than the host takes: {text}")
    if type(value).__name__.startswith("ProviderError_"):
        return value
    return ProviderError_Other(("exception", cut(repr(value))))


def guarded(work, *arguments):
    try:
        return work(*arguments)
    except Err as error:
        raise Err(provider_error(error.value)) from None
    except Exception as error:
        raise Err(ProviderError_Other(("exception", told(error)))) from None


class Provider(exports.Provider):
    def models(self):
        return guarded(app.models)

    def complete(self, request, sink):
        return guarded(app.complete, request, sink)
