"""A proxy that fails the way networks and busy servers do, for what SDKs must survive: the first segment of a path is the
fault, the rest goes to the server.

    /busy/...     the first two tries of a request are told 503        /limited/...  the first try is told 429, come in 10 ms
    /refused/...  always 409 that must not be tried again              /reset/...    the first try is cut without an answer
    /slow/...     the first try is answered after two seconds          /lost/...     the first try is carried out, its answer lost
    /turns/...    nothing fails; several servers are asked in turn
    /seen/...     nothing fails; answers say what was sent: x-seen-... for headers of the request,
                  x-answer-encoding for that of the answer"""
import collections
import http.client
import http.server
import itertools
import json
import socket
import threading
import time

SLOW_SECONDS = 2
SHOWN = ("content-encoding", "accept-encoding", "prefer", "authorization", "x-stainless-retry-count")
HOP = ("connection", "transfer-encoding", "content-length", "keep-alive", "host")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        data = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def any_method(self):
        # Where an operation is polled, a server says as a path of its own.
        fault, _, rest = ("", "", self.path[1:]) if self.path.startswith(("/v1/", "/v2/")) else self.path[1:].partition("/")
        body = self.body()
        with self.server.lock:
            self.server.tries[self.command, self.path] += 1
            attempt = self.server.tries[self.command, self.path]
        if fault == "reset" and attempt == 1:
            return self.cut()
        if fault == "busy" and attempt < 3:
            return self.refuse(503, {"retry-after-ms": "10"}, attempt)
        if fault == "limited" and attempt == 1:
            return self.refuse(429, {"retry-after-ms": "10"}, attempt)
        if fault == "refused":
            return self.refuse(409, {"x-should-retry": "false"}, attempt)
        if fault == "slow" and attempt == 1:
            time.sleep(SLOW_SECONDS)
        answer = self.forward("/" + rest, body)
        if fault == "lost" and attempt == 1:
            return self.cut()
        return self.send(*answer)

    def cut(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def refuse(self, status, headers, attempt):
        text = json.dumps({"status": "error", "error": f"attempt {attempt}"}).encode()
        self.send(status, {"Content-Type": "application/json", **headers}, text)

    def forward(self, path, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.next_port(), timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
        connection.request(self.command, path, body or None, headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        seen = {f"x-seen-{name}": self.headers[name] for name in SHOWN if name in self.headers}
        if answer.getheader("Content-Encoding"):
            seen["x-answer-encoding"] = answer.getheader("Content-Encoding")
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in HOP}
        return answer.status, {**kept, **seen}, data

    def send(self, status, headers, data):
        try:
            self.send_response_only(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            self.close_connection = True  # who was too slow for its client has nobody to tell

    do_GET = do_POST = do_DELETE = do_PATCH = any_method

    def log_message(self, *arguments):
        pass


class Proxy(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, ports):
        super().__init__(("127.0.0.1", 0), Handler)
        self.ports, self.tries, self.lock = itertools.cycle(ports), collections.Counter(), threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def next_port(self):
        with self.lock:
            return next(self.ports)

    def handle_error(self, request, client_address):
        pass  # clients go away in the middle here; that is the point

    @property
    def base_url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"
