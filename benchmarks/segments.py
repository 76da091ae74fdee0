"""A namespace larger than its memory: python3 benchmarks/segments.py build-release [--documents 1000000] [--limit 1500M]

Documents of 128 floats and six attributes are sent to `mola serve` in a memory cgroup, which indexes them itself; a
process of its own makes the requests. Then the latency of each kind of query and its round trips: cold (the server
started anew, page cache dropped, no disk cache) and warm (asked again, other values). Every answer is compared with
numpy. Needs root, for the cgroup and for the page cache; numpy; and a gigabyte of memory for each million documents."""
import argparse
import base64
import json
import multiprocessing
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np

here = os.path.dirname(os.path.abspath(__file__))
sys.path[0] = os.path.join(here, '..', 'tests', 'api')
sys.path.append(here)  # behind the standard library, whose http it must not hide
from server import cpu_seconds  # noqa: E402

DIMS, BATCH, CATEGORIES, TAGS, UPLOADERS, COLD_RUNS, WARM_RUNS, IDLE_SECONDS = 128, 5000, 50, 200, 2, 5, 100, 3
NAME = '/v2/namespaces/large'
CGROUP = pathlib.Path('/sys/fs/cgroup/memory')


# ---- documents: batch n is the same in the process that sends it and in the one that checks

def columns(n):
    rng = np.random.default_rng(n)
    return {'vector': rng.standard_normal((BATCH, DIMS)).astype('<f4'), 'stars': rng.integers(0, 1000, BATCH),
            'price': rng.integers(0, 1 << 30, BATCH) / 1024, 'category': rng.integers(0, CATEGORIES, BATCH),
            'when': 1_700_000_000 + n * BATCH + np.arange(BATCH), 'open': rng.random(BATCH) < 0.5,
            'tags': rng.integers(0, TAGS, (BATCH, 3))}


def identifier(number):
    """Spread over all 64 bits, one to one."""
    return number * 0x9E3779B97F4A7C15 % 2**64


def upload_body(n):
    c = columns(n)
    return json.dumps({'upsert_columns': {
        'id': [identifier(n * BATCH + i) for i in range(BATCH)],
        'vector': [base64.b64encode(v.tobytes()).decode() for v in c['vector']],
        'stars': c['stars'].tolist(), 'price': c['price'].tolist(), 'category': [f'category {k}' for k in c['category'].tolist()],
        'when': np.datetime_as_string(c['when'].astype('datetime64[s]')).tolist(), 'open': c['open'].tolist(),
        'tags': [[f'tag {t}' for t in row] for row in c['tags'].tolist()]},
        'schema': {'id': 'uint', 'vector': {'type': f'[{DIMS}]f32', 'ann': True}, 'when': 'datetime', 'price': 'float'},
        'distance_metric': 'euclidean_squared'}).encode()


def generate(batches, queue):
    for n in range(batches):
        queue.put(upload_body(n))
    for _ in range(UPLOADERS):
        queue.put(None)


# ---- the server in its cgroup

class Cell:
    """A memory cgroup (version 1) of its own, and what it saw."""

    def __init__(self, limit):
        self.path = CGROUP / f'mola-bench-{os.getpid()}'
        self.path.mkdir()
        (self.path / 'memory.limit_in_bytes').write_text(limit)
        swap = self.path / 'memory.memsw.limit_in_bytes'
        if swap.exists():
            swap.write_text(limit)

    def wrapper(self):
        return ['sh', '-c', f'echo $$ > {self.path}/cgroup.procs && exec "$@"', 'sh']

    def number(self, file, word=None):
        text = (self.path / file).read_text()
        return int(re.search(rf'^{word} (\d+)', text, re.M)[1] if word else text)

    def close(self):
        for process in (self.path / 'cgroup.procs').read_text().split():
            os.kill(int(process), 9)
            time.sleep(0.5)
        self.path.rmdir()


class Memory(threading.Thread):
    """Watches the memory of the processes in a cell that cannot be taken back: all but page cache."""

    def __init__(self, cell):
        super().__init__(daemon=True)
        self.cell, self.peak, self.over = cell, 0, threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.05):
            self.peak = max(self.peak, self.cell.number('memory.stat', 'rss'))


class Server:
    def __init__(self, store, cell, *flags):
        from mola import Mola
        self.mola = Mola(store, '--commit-window-ms', 0, *flags, wrapper=cell.wrapper())

    def ask(self, method, path, body=None, raw=None):
        status, answer, _ = self.mola.ask(method, path, body, raw=raw)
        assert status in (200, 202), (status, answer)
        return answer

    def metrics(self):
        text = self.ask('GET', '/metrics')
        return dict(re.findall(r'^(mola_\w+) ([\d.]+)$', text if isinstance(text, str) else text.decode(), re.M))

    def stop(self):
        assert self.mola.stop() == 0


def upload(server, batches):
    """Seconds until the last answer."""
    queue, failed = multiprocessing.Queue(2 * UPLOADERS), []
    generator = multiprocessing.Process(target=generate, args=(batches, queue), daemon=True)
    generator.start()

    def work():
        while (body := queue.get()) is not None:
            while True:
                status, answer, _ = server.mola.ask('POST', NAME, raw=body)
                if status not in (429, 503):
                    break
                failed.append(answer)
                time.sleep(0.2)
            assert status == 200, answer

    began = time.monotonic()
    threads = [threading.Thread(target=work) for _ in range(UPLOADERS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failed:
        print(f'{len(failed)} requests were told to come again, the last: {failed[-1]}')
    return time.monotonic() - began


def wait_until_indexed(server):
    """Seconds until the log was turned into segments, and until there was nothing left to merge."""
    began = time.monotonic()
    while server.ask('GET', '/v1/namespaces/large/metadata')['index']['status'] != 'up-to-date':
        time.sleep(0.2)
    indexed = time.monotonic() - began
    idle = before = 0
    while idle < IDLE_SECONDS:
        time.sleep(1)
        now = cpu_seconds(server.mola.process.pid)
        idle, before = idle + 1 if now - before < 0.03 else 0, now
    return indexed, time.monotonic() - began - IDLE_SECONDS


def warm_up(server):
    """Until everything that fits stands in the disk cache."""
    server.ask('GET', '/v1/namespaces/large/hint_cache_warm')
    held = -1
    while (now := int(server.metrics()['mola_cache_disk_bytes'])) != held:
        held = now
        time.sleep(2)


# ---- queries: (body, wanted answer)

class Documents:
    def __init__(self, batches):
        self.count = batches * BATCH
        parts = [columns(n) for n in range(batches)]
        for name in parts[0]:
            setattr(self, name, np.concatenate([p[name] for p in parts]))

    def id_lookup(self, rng):
        number = int(rng.integers(self.count))
        return ({'filters': ['id', 'Eq', identifier(number)], 'limit': 1, 'rank_by': ['id', 'asc'], 'include_attributes': ['stars']},
                [(identifier(number), int(self.stars[number]))])

    def filtered_order_by(self, rng):
        kind = int(rng.integers(CATEGORIES))
        found = np.flatnonzero(self.category == kind)
        best = found[np.argsort(self.price[found], kind='stable')[:10]]
        return ({'filters': ['category', 'Eq', f'category {kind}'], 'rank_by': ['price', 'asc'], 'limit': 10,
                 'include_attributes': ['price']}, [(identifier(int(i)), float(self.price[i])) for i in best])

    def order_by(self, rng):
        del rng
        return ({'rank_by': ['when', 'desc'], 'limit': 10, 'include_attributes': ['stars']},
                [(identifier(i), int(self.stars[i])) for i in range(self.count - 1, self.count - 11, -1)])

    def filtered_count(self, rng):
        kind, least = int(rng.integers(CATEGORIES)), int(rng.integers(1000))
        return ({'filters': ['And', [['category', 'Eq', f'category {kind}'], ['stars', 'Gte', least]]], 'aggregate_by': {'n': ['Count']}},
                int(np.count_nonzero((self.category == kind) & (self.stars >= least))))

    def exact_nearest(self, rng):
        kind, near = int(rng.integers(CATEGORIES)), rng.standard_normal(DIMS).astype('<f4')
        found = np.flatnonzero(self.category == kind)
        distances = ((self.vector[found].astype(np.float64) - near) ** 2).sum(axis=1)
        best = found[np.argsort(distances, kind='stable')[:10]]
        return ({'filters': ['category', 'Eq', f'category {kind}'], 'rank_by': ['vector', 'kNN', near.tolist()], 'limit': 10},
                [(identifier(int(i)), None) for i in best])

    KINDS = {'id lookup': id_lookup, 'first 10 of a category by an attribute': filtered_order_by,
             'first 10 by an attribute': order_by, 'count with two filters': filtered_count,
             'exact 10 nearest in a category': exact_nearest}


def timed(server, query):
    """(milliseconds, round trips) of one query, whose answer must be right."""
    body, want = query
    began = time.monotonic()
    answer = server.ask('POST', NAME + '/query', body)
    took = (time.monotonic() - began) * 1000
    if 'aggregations' in answer:
        got = answer['aggregations']['n']
    else:
        attribute = (body.get('include_attributes') or [None])[0]
        got = [(r['id'], r.get(attribute)) for r in answer['rows']]
    assert got == want, (body, got, want)
    return took, answer['performance']['storage_roundtrips']


def drop_page_cache():
    os.sync()
    pathlib.Path('/proc/sys/vm/drop_caches').write_text('3')


def measure(make_server, documents, cache):
    """{kind: (cold p50, cold trips, warm p50, warm p90, warm trips)}"""
    figures = {}
    for kind, make in Documents.KINDS.items():
        rng, cold = np.random.default_rng(1), []
        for _ in range(COLD_RUNS):
            shutil.rmtree(cache, ignore_errors=True)
            drop_page_cache()
            server = make_server()
            server.ask('GET', '/v1/namespaces')
            cold.append(timed(server, make(documents, rng)))
            if len(cold) < COLD_RUNS:
                server.stop()
        warm_up(server)
        for _ in range(5):
            timed(server, make(documents, rng))
        warm = [timed(server, make(documents, rng)) for _ in range(WARM_RUNS)]
        server.stop()
        took = sorted(w[0] for w in warm)
        figures[kind] = (statistics.median(c[0] for c in cold), max(c[1] for c in cold), took[len(took) // 2],
                         took[len(took) * 9 // 10], max(w[1] for w in warm))
        print(kind, figures[kind], flush=True)
    return figures


def folder_bytes(folder):
    return sum(f.stat().st_size for f in pathlib.Path(folder).rglob('*') if f.is_file())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('build')
    parser.add_argument('--documents', type=int, default=1_000_000)
    parser.add_argument('--limit', default='1500M')
    parser.add_argument('--folder', help='where the store is made, and kept')
    parser.add_argument('--reuse', action='store_true', help='the store in the folder is there already')
    parser.add_argument('--flags', nargs='*', default=[], help='further settings of the server, without their --')
    options = parser.parse_args()
    os.environ['MOLA_BINARY'] = os.path.abspath(os.path.join(options.build, 'src/mola'))
    batches = options.documents // BATCH
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or temporary
        store, cache, cell = f'file:{folder}/data', f'{folder}/cache', Cell(options.limit)
        flags = ['--' + f for f in options.flags]
        make_server = lambda: Server(store, cell, '--cache-dir', cache, *flags)
        try:
            if not options.reuse:
                server, memory = make_server(), Memory(cell)
                seconds = upload(server, batches)
                print(f'uploaded: {options.documents / seconds:.0f} documents/s, {seconds:.0f} s', flush=True)
                indexed, merged = wait_until_indexed(server)
                print(f'indexed {indexed:.1f} s later, merged {merged:.1f} s later; memory at most {memory.peak / 1e6:.0f} MB beside page cache, '
                      f'{cell.number("memory.max_usage_in_bytes") / 1e6:.0f} MB with it, limit {options.limit}')
                print({name: value for name, value in server.metrics().items() if 'index' in name or 'collect' in name})
                memory.over.set()
                server.stop()
                print(f'store: {folder_bytes(folder + "/data") / 1e6:.0f} MB', flush=True)
            figures = measure(make_server, Documents(batches), cache)
            print(f'out of memory: {cell.number("memory.oom_control", "oom_kill")} times')
        finally:
            cell.close()
    print('| query | cold: p50, round trips | warm: p50, p90, round trips |\n|---|---|---|')
    for kind, (cold, trips, half, most, warm_trips) in figures.items():
        print(f'| {kind} | {cold:.1f} ms, {trips} | {half:.2f} ms, {most:.2f} ms, {warm_trips} |')


if __name__ == '__main__':
    main()
