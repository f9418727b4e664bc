"""{{title}}: answers as a model. This one says back what it was told."""

from componentize_py_types import Err
from skynet_plugin import plugin
from wit_world.exports import provider as wit
from wit_world.imports import delta_sink, skynet_plugin_types as shared

plugin("{{title}}", "Says back what it was told.")


def models():
    return [wit.ModelInfo(id="echo", name="Echo", context_window=None, max_output=None, abilities=[], extra=[])]


def complete(request, sink):
    users = [message for message in request.messages if message.role == shared.Role.USER]
    said = next((part.value for part in (users[-1].parts if users else []) if isinstance(part, shared.Part_Text)), None)
    if said is None:
        raise Err(wit.ProviderError_InvalidRequest("nobody said anything"))
    sink.emit([delta_sink.Delta_Text(f"You said: {said}")])
    usage = shared.Usage(input=0, output=0, cache_read=0, cache_write=0, reasoning=0, extra=[])
    return wit.Completion(stop=delta_sink.StopReason_EndTurn(), usage=usage, extra=[])
