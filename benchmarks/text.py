"""Text searches over the tail of the log: python3 benchmarks/text.py build-release [--documents 20000 100000]

Documents of 60 words (a made-up language of 30,000 words, the frequent ones far more so; stop words removed, stemmed) in
batches of 1,000 to a `mola serve` that indexes nothing, so that all of them stay in the log's tail. Then what the first
search costs and what each kind takes once it was asked before; and a namespace that is searched after every 100
documents. Client and server share the machine."""
import argparse
import json
import os
import random
import re
import socket
import statistics
import sys
import time

# Instead of this folder, whose http.py would hide Python's own.
sys.path[0] = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tests', 'api')
BATCH, WORDS, VOCABULARY, SECONDS = 1000, 60, 30000, 2
SCHEMA = {'text': {'type': 'string', 'full_text_search': {'stemming': True, 'remove_stopwords': True}}}


class Client:
    """One kept-alive connection; a request is bytes."""

    def __init__(self, port):
        self.sock = socket.create_connection(('127.0.0.1', port), timeout=300)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request):
        """Seconds, and the body of the answer."""
        start = time.perf_counter()
        self.sock.sendall(request)
        got = b''
        while b'\r\n\r\n' not in got:
            got += self.more()
        head, body = got.split(b'\r\n\r\n', 1)
        size = int(re.search(rb'(?i)content-length: *(\d+)', head)[1])
        while len(body) < size:
            body += self.more()
        assert head.startswith(b'HTTP/1.1 200'), (head, body[:300])
        return time.perf_counter() - start, body

    def more(self):
        got = self.sock.recv(1 << 16)
        assert got, 'the server closed the connection'
        return got


def post(path, body):
    data = json.dumps(body).encode()
    return (f'POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n'
            ).encode() + data


class Language:
    def __init__(self, seed):
        self.chance = random.Random(seed)
        words = random.Random(1)
        self.words = [''.join(words.choice('bcdfghjklmnprstvwz') + words.choice('aeiou') for _ in range(words.randint(1, 4)))
                      + words.choice(['', '', 's', 'ing', 'ed', 'ly']) for _ in range(VOCABULARY)]

    def word(self):
        return self.words[int(VOCABULARY ** self.chance.random()) - 1]

    def text(self, count=WORDS):
        return ' '.join(self.word() for _ in range(count))


def writes(name, language, documents, batch):
    for first in range(0, documents, batch):
        yield post(f'/v2/namespaces/{name}', {'schema': SCHEMA, 'upsert_rows': [
            {'id': first + i, 'text': language.text()} for i in range(min(batch, documents - first))]})


def searches(language):
    """Each with words of its own."""
    def filtered(op, count, **parameters):
        test = ['text', op, language.text(count)] + ([parameters] if parameters else [])
        return {'aggregate_by': {'n': ['Count']}, 'filters': test}
    return {
        'BM25 of three words': lambda: {'rank_by': ['text', 'BM25', language.text(3)], 'limit': 10},
        'BM25, the last one a prefix': lambda: {'limit': 10, 'rank_by': [
            'text', 'BM25', language.text(3), {'last_as_prefix': True}]},
        'ContainsAllTokens of two': lambda: filtered('ContainsAllTokens', 2),
        'ContainsAnyToken of two': lambda: filtered('ContainsAnyToken', 2),
        'ContainsTokenSequence of two': lambda: filtered('ContainsTokenSequence', 2),
    }


def view_bytes(client):
    metrics = client.ask(b'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n')[1].decode()
    return int(re.search(r'^mola_view_bytes (\d+)', metrics, re.M)[1])


class Meter:
    """Requests one after the other: what they take on the clock, and of the server's CPU time, which other work on the
    machine disturbs less. A tick is 10 ms."""

    def __init__(self, server, client):
        self.client, self.stat, self.seconds = client, f'/proc/{server.process.pid}/stat', []
        self.since = self.cpu()

    def cpu(self):
        with open(self.stat) as stat:
            fields = stat.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def ask(self, request):
        self.seconds.append(self.client.ask(request)[0])

    def show(self, what):
        spent, ms = self.cpu() - self.since, [s * 1e3 for s in self.seconds]
        print(f'{what:44s} {statistics.median(ms):9.2f} ms ({min(ms):.2f} to {max(ms):.2f}), CPU {spent / len(ms) * 1e3:.2f} ms',
              flush=True)


def measure(Mola, documents):
    server = Mola('mem:', '--indexer', 'off', '--view-bytes-max', str(2 << 30))
    client, name = Client(server.port), f'n{documents}'
    prepared = list(writes(name, Language(2), documents, BATCH))
    meter = Meter(server, client)
    for request in prepared:
        meter.ask(request)
    meter.show(f'{documents:,} documents, {BATCH:,} a write')
    before = view_bytes(client)
    path = f'/v2/namespaces/{name}/query'
    for what, body in searches(Language(3)).items():
        meter = Meter(server, client)
        meter.ask(post(path, body()))
        meter.show(f'{what}: the first')
        meter, until = Meter(server, client), time.monotonic() + SECONDS
        while time.monotonic() < until:
            meter.ask(post(path, body()))
        meter.show(what)
    print(f'memory: documents {before / 1e6:.1f} MB, postings {(view_bytes(client) - before) / 1e6:.1f} MB')
    server.kill()


def in_turn(Mola, documents):
    """A search after every write: the newest part has no postings, and compaction makes new parts."""
    server = Mola('mem:', '--indexer', 'off', '--commit-window-ms', '0')
    client, language = Client(server.port), Language(4)
    writer, reader = Meter(server, client), Meter(server, client)
    for request in list(writes('turns', language, documents, 100)):
        writer.ask(request)
        reader.ask(post('/v2/namespaces/turns/query', {'rank_by': ['text', 'BM25', language.text(3)], 'limit': 10}))
    print(f'{documents:,} documents, searched after every 100 (CPU time of both)')
    writer.show('write')
    reader.show('search')
    server.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('build')
    parser.add_argument('--documents', type=int, nargs='+', default=[20000, 100000])
    options = parser.parse_args()
    os.environ['MOLA_BINARY'] = os.path.abspath(os.path.join(options.build, 'src/mola'))
    from mola import Mola
    for documents in options.documents:
        measure(Mola, documents)
    in_turn(Mola, 20000)


if __name__ == '__main__':
    main()
