// build.mjs ENTRY WIT WORLD OUT: bundles a plugin with esbuild and makes a component of it with componentize-js.
//
// `skynet plugin build` writes ENTRY and WIT, lays this file beside or below a node_modules that has both tools, and
// runs it in the project's folder. Interfaces of the host stay imports; everything else goes into one file.

import { readFile, writeFile } from "node:fs/promises";
import { componentize } from "@bytecodealliance/componentize-js";
import { build } from "esbuild";

const [entry, witPath, worldName, out] = process.argv.slice(2);
const bundle = `${out}.js`;
await build({ entryPoints: [entry], outfile: bundle, bundle: true, format: "esm", target: "es2022", platform: "neutral", external: ["skynet:*", "wasi:*"], logLevel: "warning" });
const { component } = await componentize(await readFile(bundle, "utf8"), { witPath, worldName, disableFeatures: ["fetch-event"] });
await writeFile(out, component);
console.log(`${out}: ${component.length} bytes`);
