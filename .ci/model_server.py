"""A model server that says one sentence, for the first run: an owner's own that comes after the host.

    model_server.py FILE     listens on a free port of the loopback and writes the port into FILE

Speaks just what the Chat Completions interface needs. Ends when its parent does.
"""

import http.server
import json
import os
import sys
import threading
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, kind, text):
        body = text.encode()
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer("application/json", json.dumps({"object": "list", "data": [{"id": "later", "object": "model"}]}))

    def do_POST(self):
        asked = len(self.rfile.read(int(self.headers["content-length"])))
        said = {"index": 0, "delta": {"role": "assistant", "content": f"I came later and read {asked} bytes."}, "finish_reason": None}
        ended = {"index": 0, "delta": {}, "finish_reason": "stop"}
        head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "later"}
        lines = [f"data: {json.dumps(head | {'choices': [choice]})}\n\n" for choice in (said, ended)]
        self.answer("text/event-stream", "".join(lines) + "data: [DONE]\n\n")


def end_with(parent):
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
with open(sys.argv[1] + ".new", "w") as file:
    file.write(str(server.server_port))
os.rename(sys.argv[1] + ".new", sys.argv[1])
server.serve_forever()
