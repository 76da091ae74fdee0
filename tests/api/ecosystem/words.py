"""Embeddings without a model: texts that share words are near each other. Each word adds 1 at a place that its hash names."""
import hashlib
import http.server
import json
import math
import threading

DIMENSIONS = 64


def embed(text):
    vector = [0.0] * DIMENSIONS
    for word in text.lower().replace(".", "").split():
        vector[hashlib.sha256(word.encode()).digest()[0] % DIMENSIONS] += 1
    length = math.sqrt(sum(x * x for x in vector)) or 1.0
    return [x / length for x in vector]


class Provider(http.server.BaseHTTPRequestHandler):
    """Speaks POST /v1/embeddings as OpenAI does."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
        answer = json.dumps({"object": "list", "model": asked["model"], "usage": {"prompt_tokens": 1, "total_tokens": 1},
                             "data": [{"object": "embedding", "index": i, "embedding": embed(t)} for i, t in enumerate(texts)]})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *_):
        pass


def provider():
    """Base URL of a provider that lives as long as the process."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}/v1"
