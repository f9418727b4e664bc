// index.d.ts: what a script with tools may rely on, in the instant runtime and in a built component.

export interface Annotations {
  readOnly?: boolean;
  destructive?: boolean;
  idempotent?: boolean;
  openWorld?: boolean;
}

export interface Context {
  turn: string;
  session: string;
  user: string;
  deadlineMs: number;
  timeZone?: string;
  log(level: "trace" | "debug" | "info" | "warn" | "error", ...words: unknown[]): void;
  fetch: typeof fetch;
  config: { get(key: string): any };
  secrets: { exists(name: string): boolean };
  /** Only with the permission `kv`; the same holds for those below. */
  kv: { get(key: string): string | null; set(key: string, text: unknown): void; delete(key: string): void; keys(prefix?: string, after?: string | null, limit?: number): string[] };
  memory: { search(query: string, limit?: number): any[]; learn(entry: { category: string; key: string; value: string; confidence?: number }): void; forget(category: string, key: string): boolean };
  knowledge: { search(query: string, limit?: number): any[]; write(article: { topic: string; content: string; tags?: string[] }): void; delete(topic: string): boolean };
  schedule: { add(name: string, when: { at: number } | { everyMs: number } | { cron: string }, prompt: string): string; jobs(): any[]; remove(id: string): boolean };
  agent: { ask(prompt: string): string };
  messages: { send(channel: string, recipient: string, text: string): void };
}

export interface Tool {
  name: string;
  description: string;
  /** A JSON Schema of an object. */
  parameters?: object;
  output?: object;
  annotations?: Annotations;
  call(args: any, context: Context): unknown;
}

declare global {
  class ToolError extends Error {
    constructor(kind: "invalid-arguments" | "denied" | "failed" | "unavailable", message: string);
  }
}
