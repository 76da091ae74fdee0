"""A proxy in front of an S3 server that does what networks and stores do: delay, cut, hold, repeat, lie.

    proxy.py --listen PORT --to HOST:PORT [--control PORT] [--seed N] [--cert PEM]

It passes requests through unchanged (the signature covers the Host header as the client wrote it, and no server compares
that with its own port). What it does to a request is settled by the first that applies:

1. A part of the key (of the prefix, for a LIST) of the form @FAULT[.METHOD][.N]: FAULT is done to the first N (default:
   all) requests of that METHOD (default: any) for that key. A store whose own prefix has such a part gets it throughout.
2. The mix set over the control port: {"mix": {"503_before": 0.1, ...}} draws one by chance, from the seed.

Before that, the shape: {"shape": {"GET": [63, 78, 118], "PUT": [100, 195, 274]}} delays each answer so that its latency
has these p50, p99 and p99.9 in milliseconds. {"cut": true} refuses everything, as a store that is gone.

Control port: POST / with such JSON changes settings (unnamed ones stay), GET / answers the counts:
{"requests": {"GET": 3, ...}, "faults": {...}, "connections": 7, "by_key": {"GET /bucket/key": 2, ...}}; POST
{"reset": true} zeroes them.
"""
import argparse
import asyncio
import contextlib
import json
import math
import random
import socket
import ssl
import struct
import time
import urllib.parse

import signing
from http11 import make_answer, read_answer, read_head, read_body, read_request

STALL_SECONDS = 3.0
ZOMBIE_SECONDS = 2.0
STALE_SECONDS = 5.0


class Cut(Exception):
    """The client's connection is to be reset."""


def error(status, code, more="", headers=()):
    body = f"<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>by the proxy</Message>{more}</Error>".encode()
    return make_answer(status, "X", body, [b"Content-Type: application/xml", *headers])


class Proxy:
    def __init__(self, options):
        self.host, port = options.to.rsplit(":", 1)
        self.port = int(port)
        self.secret = options.secret
        self.chance = random.Random(options.seed)
        self.mix, self.shape, self.is_cut = {}, {}, False
        self.zombie_seconds = ZOMBIE_SECONDS
        self.keyed = {}          # (part, key) -> requests that met it
        self.answers = {}        # target -> an older answer
        self.late = set()        # tasks that deliver zombies
        self.reset()

    def reset(self):
        self.requests, self.done, self.by_key, self.connections = {}, {}, {}, 0

    # --- Which fault ---

    def keyed_fault(self, request):
        path, _, query = request.target.partition("?")
        listed = urllib.parse.parse_qs(query).get("prefix", [""])[0] if "list-type" in query else ""
        path = urllib.parse.unquote(path) + "/" + listed
        for part in path.split("/"):
            if not part.startswith("@"):
                continue
            name, method, limit = part[1:], None, math.inf
            for word in part[1:].split(".")[1:]:
                if word.isdigit():
                    limit = int(word)
                else:
                    method = word.upper()
            name = name.split(".")[0]
            if method not in (None, request.method):
                continue
            met = self.keyed[(part, path)] = self.keyed.get((part, path), 0) + 1
            if met <= limit:
                return name
        return None

    def choose(self, request):
        fault = self.keyed_fault(request)
        if fault or not self.mix:
            return fault
        draw = self.chance.random()
        for name, share in self.mix.items():
            draw -= share
            if draw < 0:
                return name
        return None

    def latency(self, method):
        """A lognormal body through p50 and p99; beyond, a tail to p99.9."""
        points = self.shape.get(method)
        if not points:
            return 0.0
        p50, p99, p999 = points
        draw = self.chance.random()
        if draw > 0.99:
            return (p99 + (p999 - p99) * min(1.5, (draw - 0.99) / 0.009)) / 1000
        sigma = math.log(p99 / p50) / 2.326
        return min(p99, p50 * math.exp(sigma * self.chance.gauss(0, 1))) / 1000

    # --- The way to the server ---

    async def forward(self, request):
        """One request on a connection of its own: a fault must not leak into the next."""
        reader, writer = await asyncio.open_connection(self.host, self.port, limit=1 << 20)
        try:
            writer.write(request.bytes())
            await writer.drain()
            return await read_answer(reader, request.method)
        finally:
            writer.close()

    async def forward_part(self, request, count):
        _, writer = await asyncio.open_connection(self.host, self.port)
        writer.write(request.head + request.body[:count])
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.close()

    async def deliver_late(self, request, seconds):
        await asyncio.sleep(seconds)
        with contextlib.suppress(OSError, ConnectionError, asyncio.IncompleteReadError):
            await self.forward(request)

    # --- Faults: each returns the answer, or raises Cut ---

    async def apply(self, fault, request):
        self.done[fault] = self.done.get(fault, 0) + 1
        kind, _, when = fault.partition("_")
        if kind.isdigit():
            return await self.answer_status(int(kind), when, request)
        return await getattr(self, "do_" + fault)(request)

    async def answer_status(self, status, when, request):
        if when == "after":
            await self.forward(request)
        codes = {503: "SlowDown", 500: "InternalError", 429: "TooManyRequests", 409: "ConditionalRequestConflict",
                 403: "AccessDenied", 501: "NotImplemented", 400: "RequestTimeout"}
        return error(status, codes[status])

    async def do_reset_before(self, request):
        raise Cut

    async def do_reset_after(self, request):
        await self.forward(request)
        raise Cut

    async def do_stall_before(self, request):
        await asyncio.sleep(STALL_SECONDS)
        return await self.forward(request)

    async def do_stall_after(self, request):
        answer = await self.forward(request)
        await asyncio.sleep(STALL_SECONDS)
        return answer

    async def do_silent_before(self, request):
        await asyncio.sleep(3600)

    async def do_silent_after(self, request):
        await self.forward(request)
        await asyncio.sleep(3600)

    async def do_torn_upload(self, request):
        await self.forward_part(request, len(request.body) // 2)
        raise Cut

    async def do_torn_answer(self, request):
        answer = await self.forward(request)
        answer.torn = True
        return answer

    async def do_torn_head(self, request):
        answer = await self.forward(request)
        answer.lines, answer.body, answer.torn = answer.lines[:1], b"", True
        return answer

    async def do_flipped(self, request):
        answer = await self.forward(request)
        if answer.body and answer.status in (200, 206):
            at = self.chance.randrange(len(answer.body))
            answer.body = answer.body[:at] + bytes([answer.body[at] ^ 4]) + answer.body[at + 1:]
        return answer

    async def do_twice(self, request):
        await self.forward(request)
        return await self.forward(request)

    async def do_zombie(self, request):
        task = asyncio.ensure_future(self.deliver_late(request, self.zombie_seconds))
        self.late.add(task)
        task.add_done_callback(self.late.discard)
        raise Cut

    async def answer_old(self, request):
        old = self.answers.get(request.target)
        if old and time.monotonic() - old[0] < STALE_SECONDS:
            return old[1]
        answer = await self.forward(request)
        self.answers[request.target] = (time.monotonic(), answer)
        return answer

    async def do_stale_list(self, request):
        is_list = request.method == "GET" and "list-type" in request.target
        return await (self.answer_old(request) if is_list else self.forward(request))

    async def do_stale_log_list(self, request):
        """Of logs alone: other LISTs must show completed writes."""
        return await (self.do_stale_list(request) if "%2Fw%2F" in request.target else self.forward(request))

    async def do_stale_get(self, request):
        """A store that breaks its promise: reads do not see completed writes."""
        return await (self.answer_old(request) if request.method == "GET" else self.forward(request))

    async def do_unconditional(self, request):
        """A store that does not know the conditions."""
        present = [name for name in ("if-match", "if-none-match") if request.header(name)]
        if request.method == "PUT" and present:
            request = signing.without(request, self.secret, *present)
        return await self.forward(request)

    async def do_whole(self, request):
        """A store that does not know ranges."""
        if request.header("range"):
            request = signing.without(request, self.secret, "range")
        return await self.forward(request)

    async def do_no_etag(self, request):
        return (await self.forward(request)).without("etag")

    async def do_html_404(self, request):
        return make_answer(404, "Not Found", b"<html><body>no such page</body></html>")

    async def do_no_bucket(self, request):
        return error(404, "NoSuchBucket")

    async def do_other_region(self, request):
        return error(301, "PermanentRedirect", headers=[b"x-amz-bucket-region: eu-west-1"])

    async def do_skewed(self, request):
        """A store whose clock is an hour ahead: until the client signs with that."""
        date = time.strptime(request.header("x-amz-date").decode(), "%Y%m%dT%H%M%SZ")
        ahead = time.time() + 3600
        if abs(ahead - time.mktime(date) + time.timezone) < 900:
            return make_answer(404, "X", b"<Error><Code>NoSuchKey</Code></Error>") if request.method == "GET" else \
                make_answer(204, "X")
        stamp = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(ahead))
        return error(403, "RequestTimeTooSkewed", headers=[f"Date: {stamp}".encode()])

    async def do_complete_lost(self, request):
        answer = await self.forward(request)
        if request.method == "POST" and "uploadId" in request.target:
            raise Cut
        return answer

    async def do_garbage(self, request):
        return make_answer(200, "OK", b"<ListBucketResult><Contents><Key>a</Key></Contents>", [b'ETag: "x"'])

    async def do_expired(self, request):
        return error(400, "ExpiredToken")

    async def do_dies_idle(self, request):
        """Answers, and closes the connection once the next request is under way on it: libcurl sends that one again."""
        answer = await self.forward(request)
        answer.dies = True
        return answer

    # --- Clients ---

    async def serve_one(self, request):
        self.requests[request.method] = self.requests.get(request.method, 0) + 1
        key = urllib.parse.unquote(request.target.split("?")[0])
        asked = f"{request.method} {key}"
        self.by_key[asked] = self.by_key.get(asked, 0) + 1
        if self.is_cut:
            raise Cut
        began = time.monotonic()
        wanted = self.latency(request.method)
        fault = self.choose(request)
        answer = await self.apply(fault, request) if fault else await self.forward(request)
        await asyncio.sleep(max(0, began + wanted - time.monotonic()))
        return answer

    async def serve(self, reader, writer):
        self.connections += 1
        dies = False
        try:
            while (request := await (read_request(reader, writer) if not dies else read_head(reader))) is not None:
                if dies:
                    raise Cut
                answer = await self.serve_one(request)
                torn = getattr(answer, "torn", False)
                data = answer.bytes()
                writer.write(data[:len(answer.head) + len(answer.body) // 2] if torn else data)
                await writer.drain()
                if torn:
                    raise Cut
                dies = getattr(answer, "dies", False)
        except Cut:
            # SO_LINGER 0: close becomes a reset
            with contextlib.suppress(OSError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except (ConnectionError, OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    # --- Control ---

    async def control(self, reader, writer):
        try:
            request = await read_head(reader)
            await read_body(reader, request)
            if request.method == "POST":
                settings = json.loads(request.body)
                self.mix = settings.get("mix", self.mix)
                self.shape = settings.get("shape", self.shape)
                self.is_cut = settings.get("cut", self.is_cut)
                self.zombie_seconds = settings.get("zombie_seconds", self.zombie_seconds)
                if settings.get("reset"):
                    self.reset()
            counts = {"requests": self.requests, "faults": self.done, "connections": self.connections,
                      "by_key": self.by_key}
            writer.write(make_answer(200, "OK", json.dumps(counts).encode()).bytes())
            await writer.drain()
        finally:
            writer.close()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", type=int, required=True)
    parser.add_argument("--control", type=int)
    parser.add_argument("--to", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--secret", default="mola-secret-key", help="of the test server, to sign changed requests anew")
    parser.add_argument("--cert", help="a certificate and its key: speak TLS")
    options = parser.parse_args()
    proxy = Proxy(options)
    tls = None
    if options.cert:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(options.cert)
    servers = [await asyncio.start_server(proxy.serve, "127.0.0.1", options.listen, limit=1 << 20, backlog=1024, ssl=tls)]
    if options.control:
        servers.append(await asyncio.start_server(proxy.control, "127.0.0.1", options.control))
    print("ready", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main())
