"""A provider of models without weights, which can also be ill: embeddings are counts of hashed words, scores are shared words."""
import base64
import http.server
import json
import re
import ssl
import struct
import threading
import time
import zlib

DIMENSIONS = 8


def words(text):
    return re.findall(r"\w+", text.lower())


def embed(text, dimensions=DIMENSIONS):
    vector = [0.0] * dimensions
    for word in words(text):
        vector[zlib.crc32(word.encode()) % dimensions] += 1.0
    return vector


def score(query, text):
    return len(set(words(query)) & set(words(text))) / 4.0


class Provider:
    """POST /v1/embeddings and /v1/rerank. `ills` says what happens to the next requests, one after the other; None: nothing."""

    def __init__(self, certificate=None):
        self.asked, self.ills, self.lock, self.use_base64, self.closed = [], [], threading.Lock(), False, False
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with provider.lock:
                    provider.asked.append((self.path, dict(self.headers), body))
                    ill = provider.ills.pop(0) if provider.ills else None
                if provider.closed:
                    self.close_connection = True
                    return
                answer = provider.answer(self.path, body)
                (ill or Handler.say)(self, answer)

            def say(self, answer, status=200, **fields):
                text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.say = Handler.say
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if certificate:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http{'s' * bool(certificate)}://127.0.0.1:{self.server.server_address[1]}/v1"

    def close(self):
        self.closed = True  # connections that are kept have threads of their own
        self.server.shutdown()
        self.server.server_close()

    def answer(self, path, body):
        if path.endswith("/embeddings"):
            vectors = [embed(text, body.get("dimensions", DIMENSIONS)) for text in body["input"]]
            if self.use_base64:
                vectors = [base64.b64encode(struct.pack(f"<{len(v)}f", *v)).decode() for v in vectors]
            data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
            return {"object": "list", "data": data[::-1], "usage": {"total_tokens": sum(len(words(t)) for t in body["input"])}}
        results = [{"index": i, "relevance_score": score(body["query"], text)} for i, text in enumerate(body["documents"])]
        return {"results": sorted(results, key=lambda r: -r["relevance_score"])}

    # -- ills: each makes a function of a handler and the right answer

    def status(self, status, text=b"", **fields):
        return lambda handler, answer: self.say(handler, text, status, **fields)

    def instead(self, change):
        """The right answer, changed."""
        return lambda handler, answer: self.say(handler, change(answer))

    def silent(self, seconds):
        return lambda handler, answer: time.sleep(seconds)

    def cut(self):
        """The connection ends within the answer."""
        def ill(handler, answer):
            handler.send_response(200)
            handler.send_header("Content-Length", "1000")
            handler.end_headers()
            handler.wfile.write(b'{"data"')
            handler.close_connection = True
        return ill

    def endless(self):
        """More and more, in chunks."""
        def ill(handler, answer):
            handler.send_response(200)
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            piece = b" " * 65536
            try:
                for _ in range(1000):
                    handler.wfile.write(b"10000\r\n" + piece + b"\r\n")
            except OSError:
                pass
            handler.close_connection = True
        return ill

    def texts(self):
        return [body.get("input") or body.get("documents") for _, _, body in self.asked]
