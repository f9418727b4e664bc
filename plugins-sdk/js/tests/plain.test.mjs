// What plain.js makes of a hook that throws, on any Node: node --test plugins-sdk/js/tests

import assert from "node:assert/strict";
import test from "node:test";
import { plainPlugin } from "../src/plain.js";

function hook(own) {
  const lines = [];
  const wit = { log: { log: (level, line) => lines.push([level, line]) } };
  return { lines, hook: plainPlugin("hook", { hook: own }, wit, { name: "n", summary: "s" }).hook };
}

const fall = () => {
  throw new TypeError("odd");
};

test("what after throws is a line in the log, also when it comes late", async () => {
  for (const after of [fall, async () => fall()]) {
    const made = hook({ points: () => ["tool.call"], after });
    await made.hook.after("tool.call", "{}");
    assert.deepEqual(made.lines, [["error", "after tool.call: TypeError: odd"]]);
  }
  await hook({ points: () => [] }).hook.after("tool.call", "{}");
});

test("what before throws blocks", () => {
  assert.deepEqual(hook({ before: fall }).hook.before("tool.call", "{}"), { tag: "block", val: "TypeError: odd" });
});

test("a hook without points ends and says why", () => {
  assert.deepEqual(hook({ points: () => ["tool.call"] }).hook.points(), ["tool.call"]);
  const made = hook({ points: fall });
  assert.throws(() => made.hook.points(), TypeError);
  assert.deepEqual(made.lines, [["error", "the hook's points: TypeError: odd"]]);
});
