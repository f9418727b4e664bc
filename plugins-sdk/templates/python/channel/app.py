"""{{title}}: speaks a chat system's language. The host owns sockets, timers and reconnects;
this only says what an event means. Here, each text frame is a message of its socket.
"""

from skynet_plugin import plugin
from wit_world.exports import channel as wit

plugin("{{title}}", "Each text frame is a message, each answer a frame.")


def handle(event):
    match event:
        case wit.Event_Frame(value=frame):
            message = wit.Incoming(
                conversation=frame.source,
                message="",
                sender=frame.source,
                sender_name=None,
                text=frame.data.decode(),
                attachments=[],
                is_direct=True,
                mentions_us=True,
                extra=[],
            )
            return [wit.Action_Message(message)]
        case wit.Event_Reply(value=reply) if not reply.partial:
            return [wit.Action_Send(wit.Frame(source=reply.conversation, data=reply.text.encode(), is_text=True))]
    return []
