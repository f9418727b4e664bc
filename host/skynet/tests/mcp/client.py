"""The official Python SDK as a client of ours: lists, calls, and waits for a list that changed.

client.py http|stdio legacy|auto WHERE: WHERE is an address, with TOKEN in the environment, or
the program. Says what it saw in lines of JSON; the test reads them.
"""

import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client


def say(**words):
    print(json.dumps(words), flush=True)


async def names(client):
    return sorted(tool.name for tool in (await client.list_tools()).tools)


async def main():
    way, mode, where = sys.argv[1:4]
    changed = asyncio.Event()

    async def heard(message):
        if "list_changed" in str(getattr(message, "method", message)):
            changed.set()

    async with AsyncExitStack() as stack:
        if way == "http":
            headers = {"Authorization": "Bearer " + os.environ["TOKEN"]}
            http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=60))
            server = streamable_http_client(where, http_client=http)
        else:
            server = StdioServerParameters(command=where, args=["mcp", "serve"], env=dict(os.environ))
        client = await stack.enter_async_context(Client(server, mode=mode, message_handler=heard))
        say(tools=await names(client), version=str(client.protocol_version))
        result = await client.call_tool("time__now", {"time_zone": "Europe/Rome"})
        say(error=bool(result.is_error), text=result.content[0].text)
        result = await client.call_tool("time__now", {"time_zone": 7})
        say(error=bool(result.is_error), text=result.content[0].text)
        if mode == "legacy":
            say(waiting=True)
            await changed.wait()
        else:
            async with client.listen(tools_list_changed=True) as subscription:
                say(waiting=True)
                async for _ in subscription:
                    break
        say(tools=await names(client))


asyncio.run(main())
