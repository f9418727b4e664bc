// The official TypeScript SDK as a client of ours: lists, calls, and waits for a list that
// changed. `client.mjs http|stdio WHERE`, with TOKEN in the environment for an address.
// Says what it saw in lines of JSON; the test reads them.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(`${process.env.SDK}/package.json`);
const load = (name) => import(pathToFileURL(require.resolve(`@modelcontextprotocol/sdk/${name}`)));
const { Client } = await load('client/index.js');
const { StreamableHTTPClientTransport } = await load('client/streamableHttp.js');
const { StdioClientTransport } = await load('client/stdio.js');
const { ToolListChangedNotificationSchema } = await load('types.js');

const say = (words) => process.stdout.write(`${JSON.stringify(words)}\n`);
const [way, where] = process.argv.slice(2);
const client = new Client({ name: 'test', version: '1' });
const changed = new Promise((resolve) => client.setNotificationHandler(ToolListChangedNotificationSchema, resolve));
const transport = way === 'http'
  ? new StreamableHTTPClientTransport(new URL(where), { requestInit: { headers: { Authorization: `Bearer ${process.env.TOKEN}` } } })
  : new StdioClientTransport({ command: where, args: ['mcp', 'serve'], env: process.env });
await client.connect(transport);
const names = async () => (await client.listTools()).tools.map((tool) => tool.name).sort();
say({ tools: await names() });
for (const zone of ['Europe/Rome', 7]) {
  const result = await client.callTool({ name: 'time__now', arguments: { time_zone: zone } });
  say({ error: !!result.isError, text: result.content[0].text });
}
say({ waiting: true });
await changed;
say({ tools: await names() });
await client.close();
