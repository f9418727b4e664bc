// {{title}}: speaks a chat system's language. The host owns sockets, timers and reconnects;
// this only says what an event means. Here, each text frame is a message of its socket.

export const plugin = { name: "{{title}}", summary: "Each text frame is a message, each answer a frame." };

export const channel = {
  handle({ tag, val }) {
    if (tag === "frame") {
      const text = new TextDecoder().decode(val.data);
      const message = { conversation: val.source, message: "", sender: val.source, senderName: undefined, text, attachments: [], isDirect: true, mentionsUs: true, extra: [] };
      return [{ tag: "message", val: message }];
    }
    if (tag === "reply" && !val.partial) {
      return [{ tag: "send", val: { source: val.conversation, data: new TextEncoder().encode(val.text), isText: true } }];
    }
    return [];
  },
};
