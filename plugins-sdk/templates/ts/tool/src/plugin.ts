// {{title}}: tools for the model. Say here what they do.
//
// Types are stripped when it is built, not checked; check them with: npx -p typescript tsc

import type { Tool } from "../vendor/skynet-plugin/index.d.ts";

export const plugin = { name: "{{title}}", summary: "Greets somebody by name." };

export const tools: Tool[] = [
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
    call({ name }: { name: string }): string {
      return `Hello, ${name}.`;
    },
  },
];
