// bridge.js: the `host` object that layer.js wants, over the native function `ask` of powers.rs,
// and `JSON.parse` over `parse` of json.rs.
//
// Questions and answers are JSON texts. A refusal comes back as data and is thrown here, with
// its kind, so that a script can catch it and the model reads a typed error otherwise.

export function hostOf(ask, parse, powers, ToolError) {
  JSON.parse = (text, reviver) => (reviver === undefined ? parse(text) : revived({ "": parse(text) }, "", reviver));
  const question = (name, ...parts) => {
    const answer = JSON.parse(ask(name, JSON.stringify(parts)));
    if (answer.err) throw new ToolError(answer.err.kind, answer.err.message);
    return answer.ok ?? undefined;
  };
  const all = {
    kv: {
      get: (key) => question("kv.get", key) ?? null,
      set: (key, text) => question("kv.set", key, String(text)),
      delete: (key) => question("kv.delete", key),
      keys: (prefix = "", after = null, limit = 100) => question("kv.keys", prefix, after, limit),
    },
    memory: {
      search: (query, limit = 10) => question("memory.search", query, limit),
      learn: (entry) => question("memory.learn", entry),
      forget: (category, key) => question("memory.forget", category, key),
    },
    knowledge: {
      search: (query, limit = 10) => question("knowledge.search", query, limit),
      write: (article) => question("knowledge.write", article),
      delete: (topic) => question("knowledge.delete", topic),
    },
    schedule: {
      add: (name, when, prompt) => question("schedule.add", name, when, prompt),
      jobs: () => question("schedule.jobs"),
      remove: (id) => question("schedule.remove", id),
    },
    agent: { ask: (prompt) => question("agent.ask", prompt) },
    messages: { send: (channel, recipient, text) => question("messages.send", channel, recipient, text) },
  };
  const services = {
    config: { get: (key) => question("config.get", key) },
    secrets: { exists: (name) => question("secrets.exists", name) },
  };
  for (const power of powers) if (all[power]) services[power] = all[power];
  globalThis.fetch = async (address, options = {}) => responseOf(question("fetch", requestOf(address, options)));
  services.fetch = globalThis.fetch;
  // Bytes cross as numbers; a text is base64 already.
  const bytes = (data) => (typeof data === "string" ? data : Array.from(new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength)));
  return { log: (level, text) => void question("log", level, text), bytes, services };
}

// The engine's own `JSON.parse` takes too much stack; json.rs takes its place, and this is the rest of it.
function revived(holder, key, reviver) {
  const value = holder[key];
  if (value !== null && typeof value === "object") {
    for (const name of Object.keys(value)) {
      const made = revived(value, name, reviver);
      if (made === undefined) delete value[name];
      else value[name] = made;
    }
  }
  return reviver.call(holder, key, value);
}

function requestOf(address, { method = "GET", headers = {}, body } = {}) {
  const pairs = Array.isArray(headers) ? headers : Object.entries(headers);
  if (body !== undefined && body !== null && typeof body !== "string") throw new TypeError("the body of a request must be a string here");
  return { url: String(address), method: method.toUpperCase(), headers: pairs.map(([name, value]) => [String(name), String(value)]), body: body ?? "" };
}

function responseOf({ status, headers, body }) {
  const named = (name) => headers.filter(([key]) => key === String(name).toLowerCase()).map(([, value]) => value);
  return {
    status,
    ok: status >= 200 && status < 300,
    headers: { get: (name) => named(name).join(", ") || null, has: (name) => named(name).length > 0, entries: () => headers.values() },
    text: async () => body,
    json: async () => JSON.parse(body),
  };
}
