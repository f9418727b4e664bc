// A server made with the official TypeScript SDK, without sessions: server.mjs PORT ABOUT,
// ABOUT being what its tool says of itself. Asks for the token TOKEN, if there is one.
// Prints its port when it can be reached. With `stdio` for the port it speaks there.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(`${process.env.SDK}/package.json`);
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { McpServer } = await load('@modelcontextprotocol/sdk/server/mcp.js');
const { StreamableHTTPServerTransport } = await load('@modelcontextprotocol/sdk/server/streamableHttp.js');
const z = await load('zod');
const { StdioServerTransport } = await load('@modelcontextprotocol/sdk/server/stdio.js');
const [port, about] = process.argv.slice(2);
let calls = 0;

const fresh = () => {
  const server = new McpServer({ name: 'sums', version: '1' });
  const numbers = { a: z.number(), b: z.number() };
  server.registerTool('add-up', { description: about, inputSchema: numbers, outputSchema: { sum: z.number() } }, async ({ a, b }) => ({
    content: [{ type: 'text', text: `${a + b}` }],
    structuredContent: { sum: a + b },
  }));
  server.registerTool('count', { description: 'Counts its calls.' }, async () => ({ content: [{ type: 'text', text: `call ${++calls}` }] }));
  return server;
};

if (port === 'stdio') {
  await fresh().connect(new StdioServerTransport());
} else {
  serve();
}

function serve() {
  const http = createServer(async (request, response) => {
    if (process.env.TOKEN && request.headers.authorization !== `Bearer ${process.env.TOKEN}`) {
      response.writeHead(401).end('who are you');
      return;
    }
    const server = fresh();
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
    response.on('close', () => server.close());
    await server.connect(transport);
    await transport.handleRequest(request, response);
  });
  http.listen(Number(port), '127.0.0.1', () => console.log(http.address().port));
}
