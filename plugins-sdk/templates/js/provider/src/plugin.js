// {{title}}: answers as a model. This one says back what it was told.

export const plugin = { name: "{{title}}", summary: "Says back what it was told." };

export const provider = {
  models() {
    return [{ id: "echo", name: "Echo", contextWindow: undefined, maxOutput: undefined, abilities: [], extra: [] }];
  },

  complete(request, sink) {
    const last = request.messages.filter((message) => message.role === "user").at(-1);
    const said = last?.parts.find((part) => part.tag === "text");
    if (said === undefined) throw { tag: "invalid-request", val: "nobody said anything" };
    sink.emit([{ tag: "text", val: `You said: ${said.val}` }]);
    return { stop: { tag: "end-turn" }, usage: { input: 0n, output: 0n, cacheRead: 0n, cacheWrite: 0n, reasoning: 0n, extra: [] }, extra: [] };
  },
};
