// layer.js: what lies between a script's `tools` and the interface skynet:plugin/tool.
//
// The same file serves both homes of a script: the instant runtime (builtin-plugins/js-runtime compiles it in)
// and a component built with componentize-js. So it is plain ECMAScript without imports, and reaches
// the host through the `host` object that its home hands over. What a script throws becomes a typed
// tool error here; nothing that a script does on its own may end as a trap.

const KINDS = ["unknown-tool", "invalid-arguments", "denied", "failed", "unavailable"];
const POWERS = ["kv", "memory", "knowledge", "schedule", "agent", "messages"];
const ERROR_CHARS = 2000; // The model reads it: a page at most.
const JSON_DEPTH = 128; // A writer that recurses has a stack that ends; nobody's data is that deep. Reading has a limit of its own.
const TOOL_NAME = /^[a-z][a-z0-9_]{0,47}$/;

/** An error whose kind the model sees: unknown-tool, invalid-arguments, denied, failed, unavailable. */
export class ToolError extends Error {
  constructor(kind, message) {
    super(message);
    this.name = "ToolError";
    this.kind = kind;
  }
}

/** Whether a value nests deeper than JSON_DEPTH, or in a circle. Level by level: it must not recurse itself. */
function tooDeep(value) {
  let level = new Set([value]);
  for (let depth = 0; depth <= JSON_DEPTH; depth++) {
    const below = new Set();
    for (const item of level) {
      if (item === null || typeof item !== "object" || ArrayBuffer.isView(item)) continue;
      for (const inner of Object.values(item)) if (inner !== null && typeof inner === "object") below.add(inner);
    }
    if (below.size === 0) return false;
    level = below;
  }
  return true;
}

/** Puts what scripts expect into the global object. Called once, before the script is loaded. */
export function prepare(host) {
  globalThis.ToolError = ToolError;
  const stringify = JSON.stringify;
  JSON.stringify = (value, replacer, space) => {
    if (tooDeep(value)) throw new TypeError(`the value is nested deeper than ${JSON_DEPTH}, or holds itself`);
    return stringify(value, replacer, space);
  };
  const line = (level) => (...words) => host.log(level, words.map(show).join(" "));
  globalThis.console = { debug: line("debug"), log: line("info"), info: line("info"), warn: line("warn"), error: line("error") };
}

function show(value) {
  if (typeof value === "string") return value;
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

/** What the script exports, wherever it put it: `tools`, `describe`, `configure`, `plugin`. */
function exported(script, name) {
  return script[name] ?? script.default?.[name];
}

function toolsOf(script) {
  const tools = exported(script, "tools");
  if (!Array.isArray(tools)) throw new Error("the script exports no `tools`: export const tools = [{ name, description, parameters, call }]");
  return tools;
}

/** The description, from `export const plugin = { name, summary, configSchema }` or from the manifest. */
export function describe(script, manifest) {
  const plugin = exported(script, "plugin") ?? {};
  const schema = plugin.configSchema;
  return {
    name: String(plugin.name ?? manifest.name),
    summary: String(plugin.summary ?? manifest.summary),
    configSchema: schema === undefined ? undefined : JSON.stringify(schema),
    extra: [],
  };
}

/** Looks at a proposed configuration with the script's `configure`, if it has one. Gives the reason against it. */
export function configure(script, proposed) {
  const check = exported(script, "configure");
  if (typeof check !== "function") return undefined;
  try {
    check(JSON.parse(proposed));
    return undefined;
  } catch (thrown) {
    return errorOf(thrown).val;
  }
}

/** The tools as the host wants them. A mistake in one is an error that names it. */
export function specs(script) {
  return toolsOf(script).map((tool, index) => {
    const name = tool?.name;
    if (typeof name !== "string" || !TOOL_NAME.test(name)) throw new Error(`tool ${index + 1} needs a name of a-z, 0-9 and _`);
    if (typeof tool.call !== "function") throw new Error(`tool ${name} has no function \`call\``);
    if (typeof tool.description !== "string") throw new Error(`tool ${name} has no description`);
    const hints = tool.annotations ?? {};
    return {
      name,
      description: tool.description,
      parameters: JSON.stringify(tool.parameters ?? { type: "object", properties: {}, additionalProperties: false }),
      output: tool.output === undefined ? undefined : JSON.stringify(tool.output),
      // Who says nothing claims nothing: the owner is asked rather once too often.
      annotations: {
        readOnly: hints.readOnly === true,
        destructive: hints.destructive === true,
        idempotent: hints.idempotent === true,
        openWorld: hints.openWorld !== false,
      },
      extra: [],
    };
  });
}

function part(host, item) {
  if (typeof item === "string") return { tag: "text", val: item };
  if (typeof item?.text === "string") return { tag: "text", val: item.text };
  if (item?.image !== undefined) return { tag: "image", val: { mime: String(item.image.mime), data: host.bytes(item.image.data) } };
  if (item !== null && typeof item === "object" && "json" in item) return { tag: "json", val: JSON.stringify(item.json) };
  throw new Error("a part of `content` must be a string, { text }, { json } or { image: { mime, data } }");
}

/** An outcome of what `call` gave: a text, any JSON value, or { content, structured }. */
function outcome(host, value) {
  if (typeof value === "string") return { content: [part(host, value)], structured: undefined, extra: [] };
  if (value === undefined || value === null) return { content: [part(host, "done")], structured: undefined, extra: [] };
  if (Array.isArray(value.content)) {
    const structured = value.structured === undefined ? undefined : JSON.stringify(value.structured);
    return { content: value.content.map((item) => part(host, item)), structured, extra: [] };
  }
  const json = JSON.stringify(value);
  if (json === undefined) throw new Error("the tool gave a value that is no JSON");
  // Structured answers are objects; a list or a number is for the model alone.
  const structured = typeof value === "object" && !Array.isArray(value) ? json : undefined;
  return { content: [{ tag: "json", val: json }], structured, extra: [] };
}

function errorOf(thrown) {
  const message = thrown instanceof Error ? (thrown.kind === undefined ? `${thrown.name}: ${thrown.message}` : thrown.message) : show(thrown);
  const tag = KINDS.includes(thrown?.kind) ? thrown.kind : "failed";
  return { tag, val: message.length > ERROR_CHARS ? `${message.slice(0, ERROR_CHARS)}…` : message };
}

function contextOf(host, context) {
  const made = { ...context, log: (level, ...words) => host.log(level, words.map(show).join(" ")), ...host.services };
  for (const power of POWERS.filter((power) => !(power in made))) {
    const why = `this plugin's manifest does not ask for \`${power}\`: add it to [permissions] in plugin.toml`;
    Object.defineProperty(made, power, { get: () => { throw new ToolError("denied", why); } });
  }
  return made;
}

/** Runs one tool: { ok: outcome } or { err: { tag, val } }, and never throws. */
export async function call(script, host, name, args, context) {
  try {
    const tool = toolsOf(script).find((tool) => tool.name === name);
    if (tool === undefined) return { err: { tag: "unknown-tool", val: name } };
    return { ok: outcome(host, await tool.call(JSON.parse(args), contextOf(host, context))) };
  } catch (thrown) {
    return { err: errorOf(thrown) };
  }
}
