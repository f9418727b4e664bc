"""HTTP through the host's one door. Permission: `net`.

One request, one response: no redirects, no cookies, because each hop is the caller's decision and
is checked by the host. A request that the host's policy stopped raises `Denied`, never "network
trouble". Works only inside the component; keep it behind a function of your own to test the rest.
"""

import dataclasses
import json as _json
from urllib.parse import urlsplit

from . import Denied, Failed, InvalidArguments, Unavailable

try:
    # At the top: what is not imported while the component is built is not in it.
    from componentize_py_types import Err, Ok
    from wit_world.imports import outgoing_handler, streams
    from wit_world.imports import wasi_http_types as wasi
except ImportError:
    wasi = None

BODY_BYTES = 8 * 1024 * 1024  # A quarter of what the host lets a call read.


@dataclasses.dataclass
class Response:
    """A response, its body read."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def ok(self):
        return 200 <= self.status < 300

    def header(self, name):
        """The first header of that name, in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def text(self):
        return self.body.decode("utf-8", "replace")

    def json(self):
        return _json.loads(self.body)


def fetch(url, method="GET", headers=None, body=b"", json=None):
    """Sends one request and reads its whole response."""
    if wasi is None:
        raise Unavailable("requests are sent only inside the host")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise InvalidArguments(f"not an http address: {url}")
    pairs = list((headers or {}).items())
    if json is not None:
        body, pairs = _json.dumps(json).encode(), [*pairs, ("content-type", "application/json")]
    try:
        fields = wasi.Fields.from_list([(name, str(value).encode()) for name, value in pairs])
        request = wasi.OutgoingRequest(fields)
        known = getattr(wasi, f"Method_{method.capitalize()}", None)
        request.set_method(known() if known else wasi.Method_Other(method))
        request.set_scheme(wasi.Scheme_Https() if parts.scheme == "https" else wasi.Scheme_Http())
        request.set_authority(parts.netloc)
        request.set_path_with_query((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        outgoing = request.body()
        future = outgoing_handler.handle(request, None)
        if _write(outgoing, body):
            wasi.OutgoingBody.finish(outgoing, None)
        with future.subscribe() as ready:
            ready.block()
        answer = future.get()
        while isinstance(answer, (Ok, Err)):
            if isinstance(answer, Err):
                raise answer
            answer = answer.value
        return Response(answer.status(), [(name, value.decode("latin-1")) for name, value in answer.headers().entries()], _read(answer))
    except Err as error:
        raise _reason(error.value) from None


def _write(outgoing, body):
    """Whether the server took all of it; one that answers early closes, and its answer says why."""
    if not body:
        return True
    with outgoing.write() as stream:
        try:
            for start in range(0, len(body), 4096):
                stream.blocking_write_and_flush(body[start : start + 4096])
        except Err as error:
            if isinstance(error.value, streams.StreamError_Closed):
                return False
            raise
    return True


def _read(answer):
    body, pieces, size = answer.consume(), [], 0
    with body.stream() as stream:
        while True:
            try:
                piece = stream.blocking_read(65536)
            except Err as error:
                if isinstance(error.value, streams.StreamError_Closed):
                    return b"".join(pieces)
                raise
            size += len(piece)
            if size > BODY_BYTES:
                raise Failed(f"the response is over {BODY_BYTES} bytes")
            pieces.append(piece)


def _reason(value):
    name = type(value).__name__.removeprefix("ErrorCode_")
    said = getattr(value, "value", None)
    text = f"{name}: {said}" if said else name
    if "Denied" in name or "Prohibited" in name:
        return Denied(text)
    return Unavailable(text) if "Time" in name or "Connection" in name or "Dns" in name else Failed(text)
