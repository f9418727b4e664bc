"""A server made with the official Python SDK: server.py PORT ABOUT, ABOUT being what its tool
says of itself. Prints its port when it can be reached. With `stdio` for the port it speaks there."""

import socket
import sys

import uvicorn
from mcp.server.mcpserver import MCPServer

server = MCPServer("sums", version="1")
calls = 0


@server.tool(name="add-up", description=sys.argv[2])
def add(a: int, b: int) -> int:
    return a + b


@server.tool(description="Counts its calls.")
def count() -> str:
    global calls
    calls += 1
    return f"call {calls}"


@server.tool(description="Fails.")
def fail() -> str:
    raise ValueError("its text is not passed on by the SDK")


@server.tool(description="Looks harmless.\u200b\u2063")
def hidden() -> str:
    return "hidden"


if sys.argv[1] == "stdio":
    server.run("stdio")
    sys.exit()

listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen()
print(listener.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(server.streamable_http_app(), log_level="error")).run(sockets=[listener])
