"""Deletes and patches by filter of millions: python3 benchmarks/deletes.py build-release [--documents 3000000]

Documents with ids spread over all 64 bits are sent to `mola serve` on a directory, which indexes them itself. Then one
request deletes eight in ten, one patches as many as it may; the server is killed and started anew, and its first query
reads the entries again. With --most N the server takes no more than N at once, and the request takes a part. Each step
prints its seconds, and the memory of the server at its peak."""
import argparse
import json
import os
import sys
import tempfile
import time

# Instead of this folder, whose http.py would hide Python's own.
sys.path[0] = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tests', 'api')
import urllib.request  # noqa: E402

BATCH, IDLE_SECONDS = 50_000, 10


def identifier(number):
    return number * 0x9E3779B97F4A7C15 % 2**64


def ask(server, what, path, body):
    request = urllib.request.Request(f'http://127.0.0.1:{server.port}/v2/namespaces/big{path}', json.dumps(body).encode(),
                                     {'Authorization': 'Bearer k', 'Content-Type': 'application/json'})
    began = time.time()
    with urllib.request.urlopen(request, timeout=600) as response:
        answer = json.load(response)
    took = time.time() - began
    with open(f'/proc/{server.process.pid}/status') as status:
        peak = next(int(line.split()[1]) >> 10 for line in status if line.startswith('VmHWM'))
    told = {key: answer[key] for key in ('rows_affected', 'rows_remaining', 'aggregations') if key in answer}
    print(f'{what:<34} {took:7.2f} s   {peak:5} MB   {json.dumps(told) if told else ""}', flush=True)
    return answer


def count(server, what):
    return ask(server, what, '/query', {'aggregate_by': {'count': ['Count']}})['aggregations']['count']


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('build')
    parser.add_argument('--documents', type=int, default=3_000_000)
    parser.add_argument('--most', type=int, default=5_000_000)
    options = parser.parse_args()
    os.environ['MOLA_BINARY'] = os.path.join(options.build, 'src/mola')
    from mola import Mola
    with tempfile.TemporaryDirectory() as root:
        server = Mola(f'file:{root}/data', '--delete-by-filter-max', options.most)
        began = time.time()
        for first in range(0, options.documents, BATCH):
            numbers = range(first, min(first + BATCH, options.documents))
            server.ask('POST', '/v2/namespaces/big', {'upsert_columns': {'id': [identifier(n) for n in numbers],
                                                                         'n': [n % 10 for n in numbers]}})
        print(f'{options.documents} documents sent in {time.time() - began:.0f} s', flush=True)
        time.sleep(IDLE_SECONDS)
        left = count(server, 'count before')
        deleted = ask(server, 'delete by filter', '', {'delete_by_filter': ['n', 'Lt', 8], 'delete_by_filter_allow_partial': True})
        left -= deleted['rows_affected']
        assert count(server, 'next query') == left
        ask(server, 'patch by filter', '', {'patch_by_filter': {'filters': ['n', 'Gte', 8], 'patch': {'w': 1}},
                                            'patch_by_filter_allow_partial': True})
        server.kill()
        server.start()
        assert count(server, 'first query after a start') == left
        assert count(server, 'next query') == left
        server.stop()


if __name__ == '__main__':
    main()
