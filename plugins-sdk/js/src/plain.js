// plain.js: the exports of a provider, a channel or a hook, as their author wrote them, with one thing
// added: what they throw by accident becomes a typed error of the interface in place of a trap.
//
// An error on purpose is thrown in the interface's own shape: { tag, val } of provider-error, a
// text from a channel's `handle`.

import { prepare } from "./layer.js";

const sentence = (thrown) => (thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown));
const isCase = (thrown) => typeof thrown?.tag === "string";

/** What a provider threw, as its interface has it. What the sink said is of another one, and would end the call in a trap. */
function providerError(thrown) {
  const { tag, val } = thrown?.payload ?? thrown ?? {};
  if (tag === "too-large") return { tag: "protocol", val: `the answer is larger than the host takes: ${val}` };
  if (thrown?.payload !== undefined && tag === "cancelled") return { tag };
  return isCase(thrown) ? thrown : { tag: "other", val: ["exception", sentence(thrown)] };
}

function guarded(work, failure) {
  return async (...parts) => {
    try {
      return await work(...parts);
    } catch (thrown) {
      throw failure(thrown);
    }
  };
}

/** What a hook throws blocks, as its crash would at a point that guards. */
function judged(own, point, payload) {
  try {
    return own.before(point, payload);
  } catch (thrown) {
    return { tag: "block", val: sentence(thrown) };
  }
}

/** Nothing comes back of `after`, so what it throws is a line in the log. */
async function noticed(own, log, point, payload) {
  try {
    await own.after?.(point, payload);
  } catch (thrown) {
    log("error", `after ${point}: ${sentence(thrown)}`);
  }
}

/** Without its points a hook guards nothing: an error ends it here, and the log says why. */
function pointsOf(own, log) {
  try {
    return [...own.points()].map(String);
  } catch (thrown) {
    log("error", `the hook's points: ${sentence(thrown)}`);
    throw thrown;
  }
}

/** The exports of one kind. `script` has `plugin` and an object named as the kind. */
export function plainPlugin(kind, script, wit, manifest) {
  const log = (level, line) => wit.log.log(level, line);
  prepare({ log });
  const own = script[kind] ?? script.default?.[kind];
  if (own === undefined) throw new Error(`the plugin exports no \`${kind}\``);
  const { name, summary, configSchema } = { name: manifest.name, summary: manifest.summary, ...script.plugin };
  const schema = configSchema === undefined ? undefined : JSON.stringify(configSchema);
  const lifecycle = {
    describe: () => ({ name, summary, configSchema: schema, extra: [] }),
    configure(proposed) {
      try {
        script.configure?.(JSON.parse(proposed));
      } catch (thrown) {
        throw sentence(thrown);
      }
    },
  };
  const exported = {
    provider: () => ({ models: guarded(() => own.models(), providerError), complete: guarded((request, sink) => own.complete(request, sink), providerError) }),
    channel: () => ({ handle: guarded((event) => own.handle(event), sentence) }),
    hook: () => ({
      points: () => pointsOf(own, log),
      before: (point, payload) => judged(own, point, payload),
      after: (point, payload) => noticed(own, log, point, payload),
    }),
  };
  return { lifecycle, [kind]: exported[kind]() };
}
