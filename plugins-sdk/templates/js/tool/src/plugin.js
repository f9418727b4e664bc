// {{title}}: tools for the model. Say here what they do.
//
// This file is also an instant plugin: skynet plugin new --instant src/plugin.js {{name}}

export const plugin = { name: "{{title}}", summary: "Greets somebody by name." };

export const tools = [
  {
    name: "greet",
    description: "Greets somebody by name.",
    parameters: {
      type: "object",
      properties: { name: { type: "string", description: "Whom to greet." } },
      required: ["name"],
      additionalProperties: false,
    },
    annotations: { readOnly: true, idempotent: true, openWorld: false },
    call({ name }) {
      return `Hello, ${name}.`;
    },
  },
];
