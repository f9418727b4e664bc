// What a script catches of the host's own errors, the same as in the instant runtime: node --test plugins-sdk/js/tests

import assert from "node:assert/strict";
import test from "node:test";
import { toolPlugin } from "../src/tool.js";

/** What a tool ends with whose `kv.get` and `agent.ask` throw this, as componentize-js hands it over. */
async function ended(work, thrown) {
  const fall = () => {
    throw Object.assign(new Error("host"), { payload: thrown });
  };
  const wit = { log: { log() {} }, config: { get() {} }, secrets: { exists: () => false }, kv: { get: fall }, agent: { ask: fall } };
  const tools = [{ name: "go", description: "Goes.", call: (_, ctx) => work(ctx) }];
  const { tool } = toolPlugin({ tools }, wit, { name: "n", summary: "s" });
  const context = { turn: "t", session: "s", user: "u", deadlineMs: 1n, timeZone: undefined };
  return tool.call("go", "{}", context).catch((error) => error);
}

test("an error of the host is of the kind that the instant runtime gives it", async () => {
  const kv = (ctx) => ctx.kv.get("k");
  const agent = (ctx) => ctx.agent.ask("?");
  for (const [work, thrown, tag, val] of [
    [kv, { tag: "invalid-key", val: "too long" }, "invalid-arguments", "too long"],
    [kv, { tag: "quota-exceeded", val: "keys" }, "failed", "keys"],
    [kv, { tag: "unavailable", val: "closed" }, "unavailable", "closed"],
    [agent, { tag: "budget-spent", val: "no more" }, "denied", "no more"],
    [agent, { tag: "cancelled" }, "unavailable", "it was cancelled"],
    [agent, "just a text", "failed", "just a text"],
  ]) {
    assert.deepEqual(await ended(work, thrown), { tag, val });
  }
});
