// @ts-nocheck: the shapes are those of wit/, which has no generated types here.
// {{title}}: watches what passes. This one blocks tool calls that speak of a secret word.

export const plugin = { name: "{{title}}", summary: "Blocks tool calls that hold the word xyzzy." };

export const hook = {
  points() {
    return ["tool.call"];
  },

  before(point, payload) {
    return payload.includes("xyzzy") ? { tag: "block", val: `${point}: nobody says that word` } : { tag: "allow" };
  },

  after(point) {
    console.info(`${point} happened`);
  },
};
