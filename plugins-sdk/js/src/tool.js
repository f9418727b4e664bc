// tool.js: the exports `lifecycle` and `tool` of a component, made of a script's `tools`.
//
// The script is the same that the instant runtime takes; see layer.js. The few lines that import the
// script and the interfaces are written by `skynet plugin build`, since only what the manifest asks
// for may be imported.

import { call, configure, describe, prepare, specs } from "./layer.js";

// What an interface's own errors are to a script.
const KINDS = { "invalid-key": "invalid-arguments", "budget-spent": "denied", unavailable: "unavailable", cancelled: "unavailable" };

/** The `host` object of layer.js over the generated interfaces. */
export function hostOf(wit) {
  const json = (text) => (text === undefined ? undefined : JSON.parse(text));
  const asked = (work) => {
    try {
      return work();
    } catch (error) {
      // As the instant runtime has it: a script catches the same kinds in both of its homes.
      const value = error?.payload ?? error;
      const message = typeof value === "string" ? value : (value?.val ?? (value?.tag === "cancelled" ? "it was cancelled" : String(value?.tag ?? error)));
      throw new globalThis.ToolError(KINDS[value?.tag] ?? "failed", message);
    }
  };
  const text = (bytes) => (bytes === undefined ? null : new TextDecoder().decode(bytes));
  const { kv, memory, knowledge, schedule, agent, messages } = wit;
  const when = ({ at, everyMs, cron }) =>
    at !== undefined ? { tag: "at", val: BigInt(at) } : everyMs !== undefined ? { tag: "every-ms", val: BigInt(everyMs) } : { tag: "cron", val: cron };
  const job = (job) => ({ ...job, when: { [job.when.tag === "every-ms" ? "everyMs" : job.when.tag]: job.when.tag === "cron" ? job.when.val : Number(job.when.val) } });
  const all = {
    kv: kv && {
      get: (key) => text(asked(() => kv.get(key))),
      set: (key, value) => asked(() => kv.set(key, new TextEncoder().encode(String(value)))),
      delete: (key) => asked(() => kv.delete(key)),
      keys: (prefix = "", after = undefined, limit = 100) => asked(() => kv.keys(prefix, after ?? undefined, limit)),
    },
    memory: memory && {
      search: (query, limit = 10) => asked(() => memory.search(query, limit)),
      learn: (entry) => asked(() => memory.learn({ confidence: 0.5, ...entry })),
      forget: (category, key) => asked(() => memory.forget(category, key)),
    },
    knowledge: knowledge && {
      search: (query, limit = 10) => asked(() => knowledge.search(query, limit)),
      write: (article) => asked(() => knowledge.write({ tags: [], ...article })),
      delete: (topic) => asked(() => knowledge.delete(topic)),
    },
    schedule: schedule && {
      add: (name, at, prompt) => asked(() => schedule.add(name, when(at), prompt)),
      jobs: () => asked(() => schedule.jobs()).map(job),
      remove: (id) => asked(() => schedule.remove(id)),
    },
    agent: agent && { ask: (prompt) => asked(() => agent.ask(prompt)) },
    messages: messages && { send: (channel, recipient, body) => asked(() => messages.send(channel, recipient, body)) },
  };
  const services = { config: { get: (key) => json(wit.config.get(key)) }, secrets: { exists: (name) => wit.secrets.exists(name) } };
  for (const [name, service] of Object.entries(all)) if (service) services[name] = service;
  services.fetch = (...request) => globalThis.fetch(...request);
  const bytes = (data) => (typeof data === "string" ? Uint8Array.from(atob(data), (c) => c.charCodeAt(0)) : data);
  return { log: (level, line) => wit.log.log(level, line), bytes, services };
}

/** The two exports. `load` gives the script's module; what it throws is an error of each call. */
export function toolPlugin(script, wit, manifest) {
  const host = hostOf(wit);
  prepare(host);
  return {
    lifecycle: {
      describe: () => describe(script, manifest),
      configure(proposed) {
        const reason = configure(script, proposed);
        if (reason !== undefined) throw reason;
      },
    },
    tool: {
      tools: () => specs(script),
      async call(name, args, context) {
        const { turn, session, user, deadlineMs, timeZone } = context;
        const answer = await call(script, host, name, args, { turn, session, user, deadlineMs: Number(deadlineMs), timeZone });
        if (answer.err) throw answer.err;
        return answer.ok;
      },
    },
  };
}
