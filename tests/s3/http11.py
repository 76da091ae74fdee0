"""HTTP/1.1 messages over asyncio streams, as raw as they came: what the fault proxy cuts, holds and repeats."""
import asyncio
from dataclasses import dataclass

HEAD_MAX = 256 << 10


@dataclass
class Message:
    first: bytes    # request or status line
    lines: list     # header lines, without their ends
    body: bytes     # as it came over the wire: a chunked one still has its chunk heads

    def header(self, name):
        prefix = name.lower().encode() + b":"
        return next((line.split(b":", 1)[1].strip() for line in self.lines if line.lower().startswith(prefix)), None)

    def without(self, *names):
        prefixes = tuple(name.lower().encode() + b":" for name in names)
        return Message(self.first, [line for line in self.lines if not line.lower().startswith(prefixes)], self.body)

    @property
    def head(self):
        return b"\r\n".join([self.first, *self.lines, b"", b""])

    def bytes(self):
        return self.head + self.body

    @property
    def method(self):
        return self.first.split(b" ")[0].decode()

    @property
    def target(self):
        return self.first.split(b" ")[1].decode()

    @property
    def status(self):
        return int(self.first.split(b" ")[1])


async def read_head(reader):
    """None when the peer closes before the first byte."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise ConnectionError("cut in a head") from error
        return None
    first, *lines = head[:-4].split(b"\r\n")
    return Message(first, lines, b"")


async def read_chunked(reader):
    raw = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        raw += line + await reader.readexactly(size + 2 if size else 0)
        if size == 0:
            while True:
                line = await reader.readuntil(b"\r\n")
                raw += line
                if line == b"\r\n":
                    return raw


async def read_body(reader, message, has_body=True):
    if b"chunked" in (message.header("transfer-encoding") or b"").lower():
        message.body = await read_chunked(reader)
    elif has_body:
        message.body = await reader.readexactly(int(message.header("content-length") or 0))


async def read_request(reader, writer):
    request = await read_head(reader)
    if request is None:
        return None
    if request.header("expect"):
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request = request.without("expect")
    await read_body(reader, request)
    return request


async def read_answer(reader, method):
    while True:
        answer = await read_head(reader)
        if answer is None:
            raise ConnectionError("no answer")
        if answer.status >= 200:
            break
    await read_body(reader, answer, method != "HEAD" and answer.status not in (204, 304))
    return answer


def make_answer(status, reason, body=b"", headers=()):
    lines = [f"Content-Length: {len(body)}".encode(), *headers]
    return Message(f"HTTP/1.1 {status} {reason}".encode(), lines, body)
