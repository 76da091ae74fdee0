"""Filters, orders, groups and exact vectors over a million documents in memory, beside DuckDB:

    pip install numpy duckdb
    ninja -C build-release src/mola benchmarks/bench_kernel
    python3 benchmarks/language.py build-release [--documents 1000000]

The documents of segments.py (128 floats, six attributes) are sent to `mola serve`, which indexes them and has room for
all of them in memory, and put into a table of DuckDB in this process, in memory, in the order of their ids. Each kind of
question is asked of both in turn, one at a time, with other values each time, and both must say what numpy says. Mola
answers over HTTP, with one thread; DuckDB with one thread, and with all of them. Beside them the speed of plain reading:
an exact search over all vectors reads all of them."""
import argparse
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time

import duckdb
import numpy as np

here = os.path.dirname(os.path.abspath(__file__))
sys.path[0] = os.path.join(here, '..', 'tests', 'api')
sys.path.append(here)  # behind the standard library, whose http it must not hide
from segments import BATCH, CATEGORIES, DIMS, NAME, Documents, Server, identifier, upload, wait_until_indexed  # noqa: E402

RUNS = 25


class Anywhere:
    """Stands for a cell without limits."""

    def wrapper(self):
        return []


# ---- questions: (query for mola, SQL, parameters, wanted answer)

def order(d, rng):
    kind = int(rng.integers(CATEGORIES))
    found = np.flatnonzero(d.category == kind)
    best = found[np.argsort(d.price[found], kind='stable')[:10]]
    return ({'filters': ['category', 'Eq', f'category {kind}'], 'rank_by': ['price', 'asc'], 'limit': 10},
            'select id from t where category = ? order by price limit 10', [f'category {kind}'], [identifier(int(i)) for i in best])


def top(d, rng):
    least = int(rng.integers(500, 1000))
    found = np.flatnonzero(d.stars >= least)
    best = found[np.argsort(d.price[found], kind='stable')[:10]]
    return ({'filters': ['stars', 'Gte', least], 'rank_by': ['price', 'asc'], 'limit': 10},
            'select id from t where stars >= ? order by price limit 10', [least], [identifier(int(i)) for i in best])


def count(d, rng):
    kind, least = int(rng.integers(CATEGORIES)), int(rng.integers(1000))
    return ({'filters': ['And', [['category', 'Eq', f'category {kind}'], ['stars', 'Gte', least]]], 'aggregate_by': {'n': ['Count']}},
            'select count(*) from t where category = ? and stars >= ?', [f'category {kind}', least],
            int(np.count_nonzero((d.category == kind) & (d.stars >= least))))


def group(d, rng):
    least = int(rng.integers(1000))
    passing = d.stars >= least
    sums = np.bincount(d.category[passing], d.stars[passing], CATEGORIES)
    rows = sorted((f'category {k}', int(n), int(s)) for k, (n, s) in
                  enumerate(zip(np.bincount(d.category[passing], minlength=CATEGORIES), sums)) if n)
    return ({'filters': ['stars', 'Gte', least], 'aggregate_by': {'n': ['Count'], 's': ['Sum', 'stars']}, 'group_by': ['category']},
            'select category, count(*), sum(stars) from t where stars >= ? group by category order by category', [least], rows)


def group_by_int(d, rng):
    least = int(rng.integers(1000))
    counts = np.bincount(d.stars[d.stars >= least], minlength=1000)
    return ({'filters': ['stars', 'Gte', least], 'aggregate_by': {'n': ['Count']}, 'group_by': ['stars']},
            'select stars, count(*) from t where stars >= ? group by stars order by stars', [least],
            [(k, n) for k, n in enumerate(counts.tolist()) if n])


def nearest_of(d, rng, kind):
    near = rng.standard_normal(DIMS).astype('<f4')
    found = np.arange(d.count) if kind is None else np.flatnonzero(d.category == kind)
    rough = ((d.vector[found] - near) ** 2).sum(axis=1)
    few = found[np.argpartition(rough, 50)[:50]]
    exact = ((d.vector[few].astype(np.float64) - near) ** 2).sum(axis=1)
    return near, [identifier(int(i)) for i in few[np.argsort(exact, kind='stable')[:10]]]


def nearest(d, rng):
    near, best = nearest_of(d, rng, None)
    return ({'rank_by': ['vector', 'ANN', near.tolist()], 'limit': 10},
            f'select id from t order by array_distance(vector, ?::float[{DIMS}]) limit 10', [near.tolist()], best)


def nearest_filtered(d, rng):
    kind = int(rng.integers(CATEGORIES))
    near, best = nearest_of(d, rng, kind)
    return ({'filters': ['category', 'Eq', f'category {kind}'], 'rank_by': ['vector', 'kNN', near.tolist()], 'limit': 10},
            f'select id from t where category = ? order by array_distance(vector, ?::float[{DIMS}]) limit 10',
            [f'category {kind}', near.tolist()], best)


KINDS = {'first 10 of a category by a float (20,000 match)': order, 'first 10 by a float, an int at least x (to half of all match)': top,
         'count, two filters': count, 'count and sum in 50 groups, one filter': group,
         'count in up to 1,000 groups by an int, one filter': group_by_int, 'exact 10 nearest of all': nearest, 'exact 10 nearest in a category (20,000 match)': nearest_filtered}


# ---- the two

def ask_mola(server, body):
    began = time.monotonic()
    answer = server.ask('POST', NAME + '/query', body)
    took = time.monotonic() - began
    if 'rows' in answer:
        return took, [r['id'] for r in answer['rows']]
    if 'aggregations' in answer:
        return took, answer['aggregations']['n']
    return took, [tuple(g.values()) for g in answer['aggregation_groups']]


def ask_duckdb(table, sql, parameters):
    began = time.monotonic()
    rows = table.execute(sql, parameters).fetchall()
    took = time.monotonic() - began
    if len(rows) == 1 and len(rows[0]) == 1:
        return took, rows[0][0]
    return took, [r[0] if len(r) == 1 else tuple(r) for r in rows]


def make_table(documents):
    table = duckdb.connect()
    ids = np.arange(documents.count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    order = np.argsort(ids)
    table.execute(f'create table t (id ubigint, stars bigint, price double, category varchar, vector float[{DIMS}])')
    for at in range(0, documents.count, 50_000):
        some = order[at:at + 50_000]
        block = {'id': ids[some], 'stars': documents.stars[some], 'price': documents.price[some],
                 'kind': documents.category[some], 'v': np.arange(len(some))}
        table.register('block', block)
        table.register('flat', {'x': documents.vector[some].ravel(), 'i': np.repeat(np.arange(len(some)), DIMS),
                                'k': np.tile(np.arange(DIMS), len(some))})
        table.execute(f"""insert into t select id, stars, price, 'category ' || kind, l::float[{DIMS}] from block
                      join (select i, list(x order by k) l from flat group by i) on v = i order by v""")
        table.unregister('block')
        table.unregister('flat')
    return table


def compare(server, table, documents):
    """{kind: medians in ms of mola, DuckDB with one thread, DuckDB with all}"""
    figures = {}
    for kind, make in KINDS.items():
        rng, took = np.random.default_rng(7), {'mola': [], '1': [], 'all': []}
        for run in range(RUNS + 3):
            body, sql, parameters, want = make(documents, rng)
            for who in took:
                if who != 'mola':
                    table.execute(f'set threads = {1 if who == "1" else os.cpu_count()}')
                seconds, got = ask_mola(server, body) if who == 'mola' else ask_duckdb(table, sql, parameters)
                assert got == want, (who, sql, got, want)
                if run >= 3:
                    took[who].append(seconds * 1000)
        figures[kind] = {who: (statistics.median(t), min(t)) for who, t in took.items()}
        print(kind, figures[kind], flush=True)
    return figures


def reading_speed(build):
    lines = subprocess.run([os.path.join(build, 'benchmarks/bench_kernel'), str(DIMS)], capture_output=True, text=True, check=True).stdout.splitlines()
    return float(next(line for line in lines if '(read)' in line).split()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('build')
    parser.add_argument('--documents', type=int, default=1_000_000)
    options = parser.parse_args()
    os.environ['MOLA_BINARY'] = os.path.abspath(os.path.join(options.build, 'src/mola'))
    batches = options.documents // BATCH
    documents = Documents(batches)
    table = make_table(documents)
    print('the table is made', flush=True)
    with tempfile.TemporaryDirectory() as folder:
        server = Server(f'file:{folder}/data', Anywhere(), '--view-bytes-max', '4G')
        print(f'uploaded in {upload(server, batches):.0f} s', flush=True)
        wait_until_indexed(server)
        before = reading_speed(options.build)
        figures = compare(server, table, documents)
        after = reading_speed(options.build)
        server.stop()
    vectors = options.documents * DIMS * 4
    print(f'plain reading: {before:.1f} GB/s before, {after:.1f} after; DuckDB {duckdb.__version__}, {os.cpu_count()} cores')
    print('| question | mola | DuckDB, 1 thread | DuckDB, all threads |\n|---|---|---|---|')
    for kind, took in figures.items():
        print(f'| {kind} | ' + ' | '.join(f'{half:.2f} ms (least {least:.2f})' for half, least in took.values()) + ' |')
    half, least = figures['exact 10 nearest of all']['mola']
    print(f'vectors of the exact search: {vectors / half / 1e6:.1f} GB/s, {vectors / least / 1e6:.1f} at best')


if __name__ == '__main__':
    multiprocessing.set_start_method('fork')
    main()
