"""Text searches over the tail of the log: python3 benchmarks/text.py build-release [--documents 20000 100000]

Documents of 60 words (a made-up language of 30,000 words, the frequent ones far more so; stop words removed, stemmed) in
batches of 1,000 to a `mola serve` that indexes nothing, so that all of them stay in the log's tail. Then what the first
search costs and what each kind takes once it was asked before; and a namespace that is searched after every 100
documents. Client and server share the machine."""
import argparse
import os
import random
import re
import statistics
import sys
import time

here = os.path.dirname(os.path.abspath(__file__))
sys.path[0] = os.path.join(here, '..', 'tests', 'api')
sys.path.append(here)  # behind the standard library, whose http it must not hide
from server import Client, cpu_seconds, post  # noqa: E402

BATCH, WORDS, VOCABULARY, SECONDS = 1000, 60, 30000, 2
SCHEMA = {'text': {'type': 'string', 'full_text_search': {'stemming': True, 'remove_stopwords': True}}}


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
    metrics = client.ask(b'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n').decode()
    return int(re.search(r'^mola_view_bytes (\d+)', metrics, re.M)[1])


class Meter:
    """Requests one after the other: what they take on the clock, and of the server's CPU time, which other work on the
    machine disturbs less. A tick is 10 ms."""

    def __init__(self, server, client):
        self.client, self.pid, self.seconds = client, server.process.pid, []
        self.since = cpu_seconds(self.pid)

    def ask(self, request):
        began = time.perf_counter()
        self.client.ask(request)
        self.seconds.append(time.perf_counter() - began)

    def show(self, what):
        spent, ms = cpu_seconds(self.pid) - self.since, [s * 1e3 for s in self.seconds]
        print(f'{what:44s} {statistics.median(ms):9.2f} ms ({min(ms):.2f} to {max(ms):.2f}), CPU {spent / len(ms) * 1e3:.2f} ms',
              flush=True)


def measure(Mola, documents):
    server = Mola('mem:', '--indexer', 'off', '--view-bytes-max', str(2 << 30))
    client, name = Client(server.port, 300), f'n{documents}'
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
    client, language = Client(server.port, 300), Language(4)
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
