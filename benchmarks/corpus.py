"""Full-text search over a real corpus, beside tantivy and SQLite FTS5, and every score checked:

    pip install numpy tantivy -r tests/model/requirements.txt
    python3 benchmarks/corpus.py build-release [--documents N] [--folder /tmp/corpus]

309,000 documents, 83 MB: the synsets of WordNet, the entries of the GCIDE dictionary and the documentation of Linux in
passages of 80 words, from Debian's packages of these names (`apt-get download` puts them into the folder; nothing is
installed). They are sent to `mola serve` on `file:`, which indexes them; the same texts go into an index of tantivy and
into a table of FTS5, which keep the texts, and positions, as mola does. 1,000 queries made of the corpus, by a seed: one
to five words, frequent and rare ones mixed, and one in ten of 10 to 30 words of a passage; the 10 best of each are asked
of all in turn, mola over HTTP with one thread a query, the others in this process with one thread.

An oracle that knows nothing of mola (tests/api/text_oracle.py) says what the 10 best are and what they score: words by
the model's analysis (tests/model/text.py), counts in numpy, the formula of BM25 as it is written. Ids and scores must be equal to the last bit."""
import argparse
import collections
import gzip
import json
import os
import pathlib
import pickle
import random
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
import tantivy

here = os.path.dirname(os.path.abspath(__file__))
# Instead of this folder, whose http.py would hide Python's own.
sys.path[0] = os.path.join(here, '..', 'tests', 'api')
sys.path.append(os.path.join(here, '..', 'tests', 'model'))
import text as model  # noqa: E402  (this folder has another one)
sys.path[-1:-1] = [here]
from segments import drop_page_cache, folder_bytes  # noqa: E402
from server import Client, cpu_seconds, post  # noqa: E402
from text_oracle import Oracle  # noqa: E402

PACKAGES = ('wordnet-base', 'dict-gcide', 'linux-doc-6.1')
PASSAGE_WORDS, BATCH, TOP, CLIENTS, SECONDS, COLD_RUNS = 80, 2000, 10, 4, 5, 20
PATH = '/v2/namespaces/corpus'
FTS = {'tokenizer': 'word_v4', 'language': 'english', 'stemming': False, 'remove_stopwords': False, 'ascii_folding': False,
       'case_sensitive': False, 'max_token_length': 39, 'k1': 1.2, 'b': 0.75, 'k3': 8.0}


# ---- the corpus

def fetch(folder):
    """The root of what the packages hold."""
    root = folder / 'packages'
    if not root.exists():
        subprocess.run(['apt-get', 'download', *PACKAGES], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        for package in sorted(folder.glob('*.deb')):
            subprocess.run(['dpkg-deb', '-x', package, folder / 'unpacking'], check=True)
        (folder / 'unpacking').rename(root)
    return root


def synsets(root):
    for part in ('noun', 'verb', 'adj', 'adv'):
        for line in (root / f'usr/share/wordnet/data.{part}').read_text(encoding='latin-1').splitlines():
            if not line.startswith(' '):
                data, gloss = line.split(' | ', 1)
                fields = data.split(' ')
                yield ' '.join(fields[4 + 2 * i] for i in range(int(fields[3], 16))).replace('_', ' ') + ': ' + gloss.strip()


def dictionary(root):
    """The index of a dictd dictionary has a line for each word: where its entry stands, in digits of 64."""
    digits = {c: i for i, c in enumerate('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')}

    def number(word):
        value = 0
        for c in word:
            value = value * 64 + digits[c]
        return value
    data = gzip.decompress((root / 'usr/share/dictd/gcide.dict.dz').read_bytes())
    lines = (root / 'usr/share/dictd/gcide.index').read_text().splitlines()
    for start, size in sorted({tuple(map(number, line.split('\t')[1:3])) for line in lines if not line.startswith('00')}):
        yield ' '.join(data[start:start + size].decode(errors='replace').split())


def passages(root):
    for file in sorted((root / 'usr/share/doc/linux-doc-6.1/Documentation').rglob('*')):
        if file.is_file() and not file.is_symlink():
            data = file.read_bytes()
            words = (gzip.decompress(data) if file.suffix == '.gz' else data).decode(errors='replace').split()
            for at in range(0, len(words), PASSAGE_WORDS):
                yield ' '.join(words[at:at + PASSAGE_WORDS])


def read_corpus(folder, count):
    """All of it or a part, in an order that is the same each time and mixes the three."""
    root = fetch(folder)
    texts = [t for source in (synsets, dictionary, passages) for t in source(root) if t]
    random.Random(3).shuffle(texts)
    return texts[:count]


# ---- the oracle

def words_of(texts):
    """The words of each, by the model; a space always ends a word, and what stands between two is analysed once."""
    known = {}
    for document in texts:
        words = []
        for chunk in document.split(' '):
            if chunk not in known:
                known[chunk] = model.terms(chunk, FTS)
            words += known[chunk]
        yield words


def make_oracle(folder, texts):
    """Counting takes minutes, so the result is kept beside the packages."""
    kept = folder / f'oracle-{len(texts)}.pickle'
    if not kept.exists():
        kept.write_bytes(pickle.dumps(Oracle(words_of(texts), FTS['k1'], FTS['b'], FTS['k3'])))
    return pickle.loads(kept.read_bytes())


def make_queries(oracle, texts, count):
    """Lists of words that all three tokenizers take for the same words."""
    chance, out = random.Random(11), []
    plain = [w for w in oracle.words if w.isascii() and w.isalnum()]

    def frequent():
        while not (w := oracle.words[oracle.tokens[chance.randrange(len(oracle.tokens))]]).isascii() or not w.isalnum():
            pass
        return w
    while len(out) < count:
        if len(out) % 10 == 9:
            document = [t for t in model.terms(chance.choice(texts), FTS) if t.isascii() and t.isalnum()]
            if len(document) >= 10:
                out.append(document[:30])
        else:
            out.append([chance.choice(plain) if chance.random() < 0.4 else frequent() for _ in range(chance.randint(1, 5))])
    return out


# ---- the three

class OfMola:
    name, passes_max, stride = 'mola', 99, 1

    def __init__(self, folder):
        from mola import Mola
        self.folder = folder / 'mola'
        self.flags = ('--commit-window-ms', 0, '--view-bytes-max', '2G', '--flush-age-ms', 500)
        self.mola = Mola(f'file:{self.folder}/data', *self.flags)
        self.connect()

    def connect(self):
        """Anew: one that nobody used while others were asked is closed."""
        self.client = Client(self.mola.port)

    def cpu(self):
        return cpu_seconds(self.mola.process.pid)

    def load(self, texts):
        schema = {'id': 'uint', 'text': {'type': 'string', 'full_text_search': FTS}}
        for at in range(0, len(texts), BATCH):
            some = texts[at:at + BATCH]
            self.client.ask(post(PATH, {'upsert_columns': {'id': list(range(at, at + len(some))), 'text': some}, 'schema': schema}))
        while self.mola.ask('GET', PATH.replace('v2', 'v1') + '/metadata')[1]['index']['status'] != 'up-to-date':
            time.sleep(0.1)

    def settle(self):
        """Until nothing is left to merge."""
        idle = before = 0
        while idle < 2:
            time.sleep(1)
            now = self.cpu()
            idle, before = idle + 1 if now - before < 0.03 else 0, now

    def prepare(self, words):
        return post(PATH + '/query', {'rank_by': ['text', 'BM25', ' '.join(words)], 'limit': TOP})

    def ask(self, request):
        return self.client.ask(request)

    def another(self):
        """For a thread of its own."""
        return Client(self.mola.port).ask

    def answer(self, request):
        return json.loads(self.client.ask(request))

    def cold(self, requests):
        """[(ms, round trips)], the server started anew before each, page cache dropped where this may be done."""
        out = []
        for request in requests:
            assert self.mola.stop() == 0
            if os.access('/proc/sys/vm/drop_caches', os.W_OK):
                drop_page_cache()
            self.mola.start()
            self.connect()
            self.mola.ask('GET', '/v1/namespaces')
            began = time.monotonic()
            answer = self.answer(request)
            out.append(((time.monotonic() - began) * 1000, answer['performance']['storage_roundtrips']))
        return out

    def size(self):
        """Of what is left when all is merged and collected: the store is copied by a new life of it that keeps nothing."""
        assert self.mola.stop() == 0
        sizes = [f.stat().st_size for f in (self.folder / 'data').rglob('*') if f.is_file() and '/s/' in str(f)]
        from mola import Mola
        self.mola = Mola(self.mola.store, *self.flags, '--retention-seconds', 0, '--gc-floor-age-seconds', 0, '--fence-seconds', 1,
                         '--sweep-seconds', 2)
        before, now = None, sum(sizes)
        while before != now:
            time.sleep(8)
            before, now = now, folder_bytes(self.folder / 'data')
        assert self.mola.stop() == 0
        self.mola = Mola(self.mola.store, *self.flags)
        self.connect()
        return now

    def close(self):
        assert self.mola.stop() == 0


class InProcess:
    passes_max, stride = 99, 1

    def cpu(self):
        use = resource.getrusage(resource.RUSAGE_SELF)
        return use.ru_utime + use.ru_stime

    def settle(self):
        pass

    def connect(self):
        pass

    def close(self):
        pass

    def size(self):
        return folder_bytes(self.folder)


class OfTantivy(InProcess):
    name = 'tantivy'

    def __init__(self, folder):
        self.folder = folder / 'tantivy'
        self.folder.mkdir()
        builder = tantivy.SchemaBuilder()
        builder.add_unsigned_field('id', stored=True)
        builder.add_text_field('text', stored=True)
        self.index = tantivy.Index(builder.build(), path=str(self.folder))

    def load(self, texts):
        writer = self.index.writer(256 << 20, 1)
        for number, document in enumerate(texts):
            writer.add_document(tantivy.Document(id=number, text=document))
        writer.commit()
        writer.wait_merging_threads()
        self.index.reload()
        self.searcher = self.index.searcher()

    def prepare(self, words):
        return ' '.join(words)

    def ask(self, query):
        hits = self.searcher.search(self.index.parse_query(query, ['text']), TOP, count=False).hits
        return [(self.searcher.doc(at)['id'][0], score) for score, at in hits]

    def another(self):
        return self.ask


class OfSQLite(InProcess):
    # It scores every match, which takes long: once, every seventh query, which of ten in a row all kinds have.
    name, passes_max, stride = 'SQLite FTS5', 1, 7

    def __init__(self, folder):
        self.folder = folder / 'sqlite'
        self.folder.mkdir()
        self.base = self.open()
        self.base.execute('create virtual table t using fts5(text)')

    def open(self):
        return sqlite3.connect(self.folder / 'base', check_same_thread=False)

    def load(self, texts):
        self.base.executemany('insert into t(rowid, text) values (?, ?)', enumerate(texts))
        self.base.execute("insert into t(t) values ('optimize')")
        self.base.commit()

    def prepare(self, words):
        return ' OR '.join(f'"{w}"' for w in words)

    def ask(self, query, base=None):
        return (base or self.base).execute('select rowid, rank from t where t match ? order by rank limit 10', (query,)).fetchall()

    def another(self):
        base = self.open()
        return lambda query: self.ask(query, base)


# ---- the runs

def check(mola, oracle, queries):
    mola.connect()
    for words in queries:
        answer = mola.answer(mola.prepare(words))
        got = [(row['id'], float(np.float32(row['$dist']))) for row in answer['rows']]
        want = oracle.best(words, TOP)
        assert got == want, (words, got, want)
    print(f'oracle: the {TOP} best of {len(queries)} queries are the same, to the last bit of the scores', flush=True)


def latencies(engines, queries, passes):
    """{name: (median ms of each query, CPU ms a query)}; the engines are asked in turn. What one is not asked is None."""
    took = {e.name: [[] for _ in queries] for e in engines}
    cpu, done = collections.Counter(), collections.Counter()
    for number in range(passes):
        for e in engines:
            if number >= e.passes_max:
                continue
            done[e.name] += 1
            requests = [e.prepare(words) for words in queries]
            e.connect()
            before = e.cpu()
            for at, request in list(enumerate(requests))[::e.stride]:
                began = time.perf_counter()
                e.ask(request)
                took[e.name][at].append((time.perf_counter() - began) * 1000)
            cpu[e.name] += e.cpu() - before
    return {e.name: ([statistics.median(t) if t else None for t in took[e.name]],
                     cpu[e.name] / done[e.name] / len(queries[::e.stride]) * 1000) for e in engines}


def throughput(engine, queries):
    """Queries a second of CLIENTS threads."""
    requests, done, over = [engine.prepare(words) for words in queries], [0] * CLIENTS, threading.Event()

    def work(number):
        ask = engine.another()
        for at in range(number * 97, 1 << 40):
            if over.is_set():
                return
            ask(requests[at % len(requests)])
            done[number] += 1
    threads = [threading.Thread(target=work, args=(n,)) for n in range(CLIENTS)]
    began = time.monotonic()
    for t in threads:
        t.start()
    time.sleep(SECONDS)
    over.set()
    for t in threads:
        t.join()
    return sum(done) / (time.monotonic() - began)


def classes_of(oracle, queries):
    """{what they are: their numbers}"""
    frequency = [[oracle.frequency(word) for word in q] for q in queries]
    kinds = {'all': range(len(queries)), 'only words of at most 100 documents': [i for i, f in enumerate(frequency) if max(f) <= 100],
             'one to five words, one in 10,000 documents at least': [i for i, f in enumerate(frequency) if max(f) >= 10000 and len(f) < 10],
             '10 to 30 words': [i for i, f in enumerate(frequency) if len(f) >= 10]}
    return {kind: list(numbers) for kind, numbers in kinds.items() if len(numbers)}


def report(engines, loaded, figures, rates, sizes, kinds):
    names = [e.name for e in engines]

    def line(what, values, form):
        print(f'| {what} | ' + ' | '.join(form.format(v) + ('' if i == 0 else f' ({values[0] / v:.2g})') for i, v in enumerate(values)) + ' |')
    print('In parentheses: what mola takes of it, or gives.\n| | ' + ' | '.join(names) + ' |\n' + '|---' * (len(names) + 1) + '|')
    line('index: s', [loaded[n][0] for n in names], '{:.1f}')
    line('index: CPU s', [loaded[n][1] for n in names], '{:.1f}')
    line('size: MB', [sizes[n] / 1e6 for n in names], '{:.1f}')
    for kind, numbers in kinds.items():
        for word, at in (('p50', 50), ('p99', 99)):
            values = [sorted(t for i in numbers if (t := figures[n][0][i]) is not None) for n in names]
            line(f'{kind} ({len(numbers)}): {word} ms', [v[len(v) * at // 100] for v in values], '{:.3f}')
    line('CPU ms a query', [figures[n][1] for n in names], '{:.3f}')
    line(f'queries/s of {CLIENTS} threads', [rates[n] for n in names], '{:.0f}')


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('build')
    parser.add_argument('--documents', type=int, help='only so many of the corpus')
    parser.add_argument('--folder', type=pathlib.Path, help='where the packages are kept')
    parser.add_argument('--queries', type=int, default=1000)
    parser.add_argument('--passes', type=int, default=3)
    options = parser.parse_args()
    os.environ['MOLA_BINARY'] = os.path.abspath(os.path.join(options.build, 'src/mola'))
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or pathlib.Path(temporary)
        folder.mkdir(exist_ok=True)
        texts = read_corpus(folder, options.documents)
        began = time.monotonic()
        oracle = make_oracle(folder, texts)
        queries = make_queries(oracle, texts, options.queries)
        print(f'{len(texts)} documents, {sum(len(t.encode()) for t in texts) / 1e6:.1f} MB, {len(oracle.tokens)} words, {len(oracle.words)} '
              f'distinct; counted in {time.monotonic() - began:.0f} s', flush=True)
        work = pathlib.Path(temporary) / 'work'
        work.mkdir()
        engines, loaded = [kind(work) for kind in (OfMola, OfTantivy, OfSQLite)], {}
        for e in engines:
            cpu, began = e.cpu(), time.monotonic()
            e.load(texts)
            seconds = time.monotonic() - began
            e.settle()
            loaded[e.name] = (seconds, e.cpu() - cpu)
            print(f'{e.name}: loaded in {seconds:.1f} s, {loaded[e.name][1]:.1f} s of CPU', flush=True)
        mola = engines[0]
        check(mola, oracle, queries)
        figures = latencies(engines, queries, options.passes)
        rates = {e.name: throughput(e, queries) for e in engines}
        sizes = {e.name: e.size() for e in engines}
        kinds = classes_of(oracle, queries)
        rare = kinds.get('only words of at most 100 documents', [0])[:COLD_RUNS]
        cold = mola.cold([mola.prepare(queries[i]) for i in rare])
        check(mola, oracle, queries[:100])
        for e in engines:
            e.close()
        report(engines, loaded, figures, rates, sizes, kinds)
        print(f'cold, rare words: p50 {statistics.median(c[0] for c in cold):.1f} ms, {max(c[1] for c in cold)} round trips')
        shutil.rmtree(work)


if __name__ == '__main__':
    main()
