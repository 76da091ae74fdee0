"""What `mola serve` does on an object store: python3 benchmarks/s3.py build-release [ingest latency blocked slow outage]

A real S3 server (scripts/test-s3) on this machine; but for ingest the proxy of tests/s3 stands in front of it and gives
answers the latency of a store that is not near: GET 63, 78, 118 ms and PUT 100, 195, 274 ms at p50, p99, p99.9.

  ingest    uploads of 768 floats a document, straight to the store; CPU time of server, store and client apart
  latency   upserts of one row: one client, 64 clients of one server, 64 clients of three
  blocked   600 writers wait for a store whose PUTs take 3 s; eventual queries of another namespace meanwhile
  slow      first queries of many namespaces after a start; healthy, and while 2 % of the GETs take 3 s more
  outage    the store is gone for a while (--outage-seconds) and comes back

Ratios travel better than numbers: the machine is shared, and the proxy is Python."""
import argparse
import os
import pathlib
import random
import statistics
import sys
import threading
import time

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent / 'tests' / 's3')
from run import Server, start_node  # noqa: E402

sys.path.append(str(pathlib.Path(__file__).resolve().parent))
from server import BATCH, Client, as_base64, batches, cpu_seconds, post  # noqa: E402

SHAPE = {'GET': [63, 78, 118], 'PUT': [100, 195, 274]}
UPLOADERS, CLIENTS, WRITERS, NAMESPACES = 4, 64, 600, 150


def say(what, text):
    print(f'{what:62s} {text}', flush=True)


def quantiles(took):
    took = sorted(took)
    return [1000 * took[min(len(took) - 1, int(len(took) * q))] for q in (0.5, 0.99)]


def together(work, arguments):
    threads = [threading.Thread(target=work, args=(argument,)) for argument in arguments]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - began


# --- Ingest ---

def upload(node, requests):
    waiting, lock = list(requests), threading.Lock()

    def work(client):
        while True:
            with lock:
                if not waiting:
                    return
                request = waiting.pop()
            client.ask(request)
    return together(work, [Client(node.port) for _ in range(UPLOADERS)])


def ingest(server, binary, options):
    store = int(server.keys['pid'])
    for what, encode in (('base64', as_base64), ('JSON floats', list)):
        requests = [post('/v2/namespaces/vectors', batch) for batch in batches(random.Random(1), encode)]
        runs = []
        for run in range(options.runs):
            node = start_node(server, binary, f'ingest-{what[0]}{run}', straight=True)
            before = [cpu_seconds(pid) for pid in (node.process.pid, store, os.getpid())]
            seconds = upload(node, requests)
            after = [cpu_seconds(pid) for pid in (node.process.pid, store, os.getpid())]
            assert node.stop() == 0
            runs.append([len(requests) * BATCH / seconds, *((b - a) / seconds for a, b in zip(before, after)),
                         len(requests) * BATCH / (after[0] - before[0])])
        rate, cores, its, ours, per_cpu = (statistics.median(column) for column in zip(*runs))
        say(f'ingest of 768 x f32 as {what}, one namespace',
            f'{rate:,.0f} documents/s; cores: server {cores:.2f}, store {its:.2f}, client {ours:.2f}; '
            f'{per_cpu:,.0f} documents a second of the server\'s CPU')


# --- Latency ---

def upserts(nodes, clients, each, name):
    took, lock = [], threading.Lock()

    def work(number):
        client, own = Client(nodes[number % len(nodes)].port), []
        for i in range(each):
            began = time.monotonic()
            client.ask(post(f'/v2/namespaces/{name}', {'upsert_rows': [{'id': number * 100000 + i, 'n': i}]}))
            own.append(time.monotonic() - began)
            if clients == 1:
                time.sleep(0.15)  # idle again
        with lock:
            took.extend(own[2:])
    seconds = together(work, range(clients))
    return quantiles(took), clients * each / seconds


def latency(server, binary, options):
    nodes = [start_node(server, binary, 'latency', '--indexer', 'off') for _ in range(3)]
    for what, used, clients, each in (('one client, idle namespace', 1, 1, 40), ('64 clients, one server', 1, 64, 12),
                                      ('64 clients, three servers', 3, 64, 8)):
        name = f'rows-{used}-{clients}'
        for node in nodes[:used]:  # warm
            Client(node.port).ask(post(f'/v2/namespaces/{name}', {'upsert_rows': [{'id': 1 << 40, 'n': 0}]}))
        runs = []
        for _ in range(options.runs):
            server.set_proxy(shape=SHAPE)
            runs.append(upserts(nodes[:used], clients, each, name))
            server.set_proxy(shape={})
        p50, p99 = (statistics.median(run[0][q] for run in runs) for q in (0, 1))
        say(f'upsert of one row, {what}', f'p50 {p50:.0f} ms = {p50 / SHAPE["PUT"][0]:.2f} x PUT, p99 {p99:.0f} ms; '
            f'{statistics.median(run[1] for run in runs):.0f} requests/s')
    for node in nodes:
        assert node.stop() == 0


def blocked(server, binary, options):
    node = start_node(server, binary, 'blocked', '--indexer', 'off')
    ask = Client(node.port).ask
    rows = [{'id': i, 'n': i} for i in range(1000)]
    for name in ('busy', 'quiet'):
        ask(post(f'/v2/namespaces/{name}', {'upsert_rows': rows}))
    query = post('/v2/namespaces/quiet/query', {'rank_by': ['n', 'desc'], 'limit': 10, 'consistency': {
        'level': 'eventual', 'max_staleness_seconds': 3600}})
    ask(post('/v2/namespaces/quiet/query', {'rank_by': ['n', 'desc'], 'limit': 10}))

    def measure():
        took = []
        for _ in range(1000):
            began = time.monotonic()
            ask(query)
            took.append(time.monotonic() - began)
        return quantiles(took)
    alone = measure()
    server.set_proxy(shape={'PUT': [3000] * 3})
    writers = [Client(node.port) for _ in range(WRITERS)]
    for i, writer in enumerate(writers):
        writer.sock.sendall(post(f'/v2/namespaces/busy-{i % 20}' if i % 2 else '/v2/namespaces/busy',
                                 {'upsert_rows': [{'id': i, 'n': i}]}))
    time.sleep(0.5)
    beside = measure()
    server.set_proxy(shape={})
    say(f'eventual queries beside {WRITERS} writers that wait for the store', f'p50 {beside[0]:.1f}, p99 {beside[1]:.1f} ms; '
        f'alone p50 {alone[0]:.1f}, p99 {alone[1]:.1f} ms')
    node.stop()


# --- Slow and absent stores ---

def first_queries(server, binary, mix, prefix):
    server.set_proxy(shape=SHAPE)  # before the start: what is slow is learned there, too
    node = start_node(server, binary, prefix, '--indexer', 'off')
    Client(node.port).ask(post('/v2/namespaces/warm/query', {'rank_by': ['id', 'asc'], 'limit': 1}))
    server.set_proxy(mix=mix, reset=True)
    ask, took = Client(node.port).ask, []
    for i in range(NAMESPACES):
        began = time.monotonic()
        ask(post(f'/v2/namespaces/cold-{i}/query', {'rank_by': ['n', 'asc'], 'limit': 10, 'filters': ['n', 'Gt', 2]}))
        took.append(time.monotonic() - began)
    counts = server.set_proxy(shape={}, mix={})
    node.stop()
    return took, counts['requests']['GET']


def slow(server, binary, options):
    node = start_node(server, binary, 'slow', '--inline-bytes-max', '0', '--flush-rows', '1', '--flush-age-ms', '1')
    ask = Client(node.port).ask
    for name in ['warm', *(f'cold-{i}' for i in range(NAMESPACES))]:
        ask(post(f'/v2/namespaces/{name}', {'upsert_rows': [{'id': i, 'n': i, 'text': 'word'} for i in range(50)]}))
    time.sleep(5)
    node.stop()
    figures = []
    for what, mix in (('healthy', {}), ('2 % of GETs take 3 s more', {'stall_before': 0.02})):
        took, gets = [], []
        for _ in range(options.runs):
            some, count = first_queries(server, binary, mix, 'slow')
            took += some
            gets.append(count)
        p50, p99 = quantiles(took)
        figures.append((p99, sum(gets)))
        say(f'first query of a namespace, {what}', f'p50 {p50:.0f}, p99 {p99:.0f} ms; {sum(gets) / len(took):.1f} GETs each')
    say('', f'p99 {figures[1][0] / figures[0][0]:.2f} x, GETs {figures[1][1] / figures[0][1]:.3f} x')


def outage(server, binary, options):
    node = start_node(server, binary, 'outage')
    ask = Client(node.port).ask
    ask(post('/v2/namespaces/it', {'upsert_rows': [{'id': 1, 'n': 1}]}))
    strong = {'rank_by': ['id', 'asc'], 'limit': 1}
    eventual = {**strong, 'consistency': {'level': 'eventual', 'max_staleness_seconds': 3600}}
    ask(post('/v2/namespaces/it/query', strong))
    server.set_proxy(cut=True)
    until, worst, served, refused = time.monotonic() + options.outage_seconds, 0, 0, 0
    while time.monotonic() < until:
        for path, body in (('/query', strong), ('', {'upsert_rows': [{'id': 2, 'n': 2}]}), ('/query', eventual)):
            began = time.monotonic()
            status, _, _ = node.ask('POST', f'/v2/namespaces/it{path}', body)
            worst = max(worst, time.monotonic() - began)
            served += status == 200 and body is eventual
            refused += status == 503 and body is not eventual
    server.set_proxy(cut=False)
    back = time.monotonic()
    while node.ask('POST', '/v2/namespaces/it/query', strong)[0] != 200 or \
            node.ask('POST', '/v2/namespaces/it', {'upsert_rows': [{'id': 3, 'n': 3}]})[0] != 200:
        time.sleep(0.05)
    say(f'store gone for {options.outage_seconds} s', f'{refused} strong queries and writes told 503, the slowest answer after '
        f'{worst:.1f} s; {served} eventual queries served; normal {time.monotonic() - back:.2f} s after its return')
    node.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('build')
    parser.add_argument('what', nargs='*', default=['ingest', 'latency', 'blocked', 'slow', 'outage'])
    parser.add_argument('--runs', type=int, default=3)
    parser.add_argument('--outage-seconds', type=int, default=300)
    parser.add_argument('--server', default='minio')
    options = parser.parse_args()
    binary = os.path.abspath(os.path.join(options.build, 'src/mola'))
    for name in options.what:
        with Server(options.server) as server:
            globals()[name](server, binary, options)


if __name__ == '__main__':
    main()
