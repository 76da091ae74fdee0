"""What `mola serve` does a second: python3 benchmarks/server.py build-release [--runs 3] [--store file: mem:]

Client and server share this machine; bodies are prepared before the clock starts and sent over raw sockets, small
requests come from wrk, so that Python is not what is measured. Each figure is the median of the runs, with the least
and the most; each run has a server and a directory of its own. Beside them: what memory and this disk give."""
import argparse
import array
import base64
import json
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

# Instead of this folder, whose http.py would hide Python's own.
sys.path[0] = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tests', 'api')
DIMS, BATCH, BATCHES, UPLOADERS, CLIENTS, SECONDS = 768, 1000, 24, 4, 64, 4
VECTOR = {'schema': {'vector': {'type': f'[{DIMS}]f32', 'ann': True}}, 'distance_metric': 'cosine_distance'}
figures = {}


def note(what, unit, value):
    figures.setdefault((what, unit), []).append(value)


class Client:
    """One kept-alive connection; a request is bytes."""

    def __init__(self, port, seconds=120):
        self.sock = socket.create_connection(('127.0.0.1', port), timeout=seconds)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request):
        self.sock.sendall(request)
        got = b''
        while b'\r\n\r\n' not in got:
            got += self.more()
        head, body = got.split(b'\r\n\r\n', 1)
        size = int(re.search(rb'(?i)content-length: *(\d+)', head)[1])
        while len(body) < size:
            body += self.more()
        assert head.startswith(b'HTTP/1.1 200'), (head, body[:300])
        return body

    def more(self):
        got = self.sock.recv(1 << 16)
        assert got, 'the server closed the connection'
        return got


def cpu_seconds(pid):
    with open(f'/proc/{pid}/stat') as file:
        fields = file.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def post(path, body):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return (f'POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\nContent-Type: application/json\r\n'
            f'Content-Length: {len(data)}\r\n\r\n').encode() + data


def batches(chance, encode):
    """Upload requests of BATCH rows each; values as an embedding model prints them."""
    out = []
    for n in range(BATCHES):
        rows = [{'id': n * BATCH + i, 'vector': encode([round(chance.gauss(0, 0.04), 8) for _ in range(DIMS)]), 'n': i}
                for i in range(BATCH)]
        out.append({'upsert_rows': rows, **VECTOR})
    return out


def as_base64(values):
    return base64.b64encode(array.array('f', values).tobytes()).decode()


def upload(server, what, requests):
    """All requests over UPLOADERS connections."""
    clients = [Client(server.port) for _ in range(UPLOADERS)]
    waiting, lock = list(requests), threading.Lock()

    def work(client):
        while True:
            with lock:
                if not waiting:
                    return
                request = waiting.pop()
            client.ask(request)

    threads = [threading.Thread(target=work, args=(c,)) for c in clients]
    began = time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    seconds = time.monotonic() - began
    note(f'upsert, {what}', 'documents/s', len(requests) * BATCH / seconds)
    note(f'upsert, {what}', 'MB/s of body', sum(map(len, requests)) / seconds / 1e6)


def latencies(server, what, make, count):
    client, took = Client(server.port), []
    for i in range(count):
        request = make(i)
        began = time.monotonic()
        client.ask(request)
        took.append((time.monotonic() - began) * 1000)
    took.sort()
    note(what, 'ms p50', took[len(took) // 2])
    note(what, 'ms p99', took[len(took) * 99 // 100])


def wrk(server, what, path, script=''):
    with tempfile.NamedTemporaryFile('w', suffix='.lua') as file:
        file.write(script)
        file.flush()
        done = subprocess.run(['wrk', f'-c{CLIENTS}', '-t1', f'-d{SECONDS}', *(['-s', file.name] if script else []),
                               f'http://127.0.0.1:{server.port}{path}'], check=True, capture_output=True, text=True)
    assert 'Non-2xx' not in done.stdout and 'Socket errors' not in done.stdout, done.stdout
    note(what, 'requests/s', float(re.search(r'Requests/sec:\s+([\d.]+)', done.stdout)[1]))


def one_row(spread):
    """A wrk script: each request upserts one new row, over `spread` namespaces in turn."""
    return ('local n = 0\nfunction request()\n  n = n + 1\n'
            f'  return wrk.format("POST", "/v2/namespaces/row-" .. (n % {spread}), '
            '{["Authorization"] = "Bearer k", ["Content-Type"] = "application/json"}, '
            '\'{"upsert_rows":[{"id":\' .. n .. \',"n":\' .. n .. \',"text":"a short text"}]}\')\nend\n')


def run_once(mola, url, prepared, chance):
    server = mola(url)
    kind = url.split(':')[0]
    for what, requests in prepared:
        upload(server, f'{what}, {kind}', requests)
        Client(server.port).ask(requests[0].split(b'\r\n')[0].replace(b'POST', b'DELETE') +
                                b'\r\nHost: a\r\nAuthorization: Bearer k\r\n\r\n')
    wrk(server, f'upsert of one row, {CLIENTS} clients, one namespace, {kind}', '/', one_row(1))
    wrk(server, f'upsert of one row, {CLIENTS} clients, {CLIENTS} namespaces, {kind}', '/', one_row(CLIENTS))
    client = Client(server.port)
    for request in prepared[1][1][:10]:
        client.ask(request)
    for n in range(10):
        client.ask(post('/v2/namespaces/wide', {'upsert_rows': [
            {'id': n * 10000 + i, 'n': chance.randrange(1 << 40), 'text': f'text {i}'} for i in range(10000)]}))
    path = prepared[1][1][0].split()[1].decode() + '/query'
    latencies(server, f'strong query by id, {kind}',
              lambda i: post('/v2/namespaces/wide/query', {'filters': ['id', 'Eq', i * 37], 'limit': 1}), 2000)
    if kind == 'mem':
        latencies(server, f'10 nearest of 10,000 x {DIMS}, exact', lambda i: post(path, {
            'rank_by': ['vector', 'kNN', [chance.gauss(0, 1) for _ in range(DIMS)]],
            'filters': ['id', 'Gte', 0], 'limit': 10}), 200)
        latencies(server, 'first 10 of 100,000 by an attribute', lambda i: post('/v2/namespaces/wide/query', {
            'rank_by': ['n', 'desc'], 'limit': 10}), 200)
        wrk(server, f'GET /health, {CLIENTS} clients', '/health')
    assert server.stop() == 0
    server = mola(url, '--commit-window-ms', 0)
    wrk(server, f'the same, one namespace, without a window, {kind}', '/', one_row(1))
    assert server.stop() == 0


def disk(folder):
    """Files of 4 KiB written, synced and named, one after the other."""
    directory, count = os.open(folder, os.O_RDONLY), 300
    began = time.monotonic()
    for i in range(count):
        fd = os.open(f'{folder}/{i}', os.O_WRONLY | os.O_CREAT)
        os.write(fd, bytes(4096))
        os.fsync(fd)
        os.close(fd)
        os.fsync(directory)
    note('this disk: file and directory synced', 'pairs/s', count / (time.monotonic() - began))
    os.close(directory)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('build')
    parser.add_argument('--runs', type=int, default=3)
    parser.add_argument('--store', nargs='+', default=['file', 'mem'], choices=['file', 'mem'])
    options = parser.parse_args()
    os.environ['MOLA_BINARY'] = os.path.abspath(os.path.join(options.build, 'src/mola'))
    from mola import Mola
    chance = random.Random(1)
    prepared = [(what, [post('/v2/namespaces/vectors', batch) for batch in batches(chance, encode)])
                for what, encode in (('floats', list), ('base64', as_base64))]
    for _ in range(options.runs):
        for store in options.store:
            with tempfile.TemporaryDirectory() as folder:
                disk(folder)
                run_once(Mola, 'mem:' if store == 'mem' else f'file:{folder}/data', prepared, chance)
    for (what, unit), values in figures.items():
        print(f'{what:58s} {statistics.median(values):10.3g} {unit:14s} ({min(values):.3g} to {max(values):.3g})')
    kernel = os.path.join(options.build, 'benchmarks/bench_kernel')
    if os.path.exists(kernel):
        lines = subprocess.run([kernel], check=True, capture_output=True, text=True).stdout.split('\n')
        print('memory, plain reading: ' + next(line for line in lines if '(read)' in line).split()[-1] + ' GB/s')


if __name__ == '__main__':
    main()
