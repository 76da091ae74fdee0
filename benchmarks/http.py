"""What the HTTP front costs: python3 benchmarks/http.py build-release/tests/unit/http/http_stand_in

Requests a second (wrk, one loop, 64 connections) answered in the loop and by the executor; a 512 MB body with a
known length, in 64 KB chunks and in 16-byte chunks: MiB a second, CPU a MiB, memory. Memory of idle connections is
measured and held to a limit by tests/api/http_idle.py. Figures move with the machine; compare two builds on one."""
import os
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tests', 'api'))
from http_server import Server, coding, get, length, post, read_response  # noqa: E402

SECONDS, ROUNDS, MIB = 4, 3, 1 << 20


def requests(binary, path):
    with Server(binary, loops=1) as server:
        best = (0, 0)
        for _ in range(ROUNDS):
            before = server.cpu_seconds()
            wrk = subprocess.run(['wrk', '-c64', '-t1', f'-d{SECONDS}', '-H', 'Authorization: Bearer tpuf_good',
                                  f'http://127.0.0.1:{server.port}{path}'], check=True, capture_output=True, text=True)
            rate = float(re.search(r'Requests/sec:\s+([\d.]+)', wrk.stdout)[1])
            best = max(best, (rate, (server.cpu_seconds() - before) * 1e6 / (rate * SECONDS)))
        print(f'GET {path:10s} {best[0]:8.0f} requests/s {best[1]:5.1f} us CPU each')


def upload(binary, name, head, piece, tail, size):
    """Sends `size` bytes of body as repetitions of `piece`."""
    with Server(binary, loops=1) as server:
        sock = server.connect()
        sock.sendall(get())
        read_response(sock)
        base, top, is_over = server.rss_kib(), [0], threading.Event()

        def watch():
            while not is_over.wait(0.002):
                top[0] = max(top[0], server.rss_kib())

        watcher = threading.Thread(target=watch)
        watcher.start()
        before, began = server.cpu_seconds(), time.monotonic()
        sock.sendall(head)
        for _ in range(size // len(piece)):
            sock.sendall(piece)
        sock.sendall(tail)
        status, _ = read_response(sock)
        seconds, cpu = time.monotonic() - began, server.cpu_seconds() - before
        is_over.set()
        watcher.join()
        mib = size / MIB
        print(f'POST {name:22s} {status} {mib / seconds:6.0f} MiB/s {cpu * 1000 / mib:5.2f} ms CPU/MiB, memory '
              f'+{(top[0] - base) / 1024:.0f} MiB, +{(server.rss_kib() - base) / 1024:.0f} MiB after')
        sock.close()


def main():
    binary = sys.argv[1]
    requests(binary, '/quick')
    requests(binary, '/executed')
    size = 512 * MIB
    upload(binary, '512 MiB', post(length(size)), b'x' * MIB, b'', size)
    chunk = b'10000\r\n' + b'x' * 0x10000 + b'\r\n'
    upload(binary, 'in chunks of 64 KiB', post(coding(b'chunked')), chunk * 16, b'0\r\n\r\n', 500 * MIB)
    small = b'10\r\n' + b'x' * 16 + b'\r\n'
    upload(binary, 'in chunks of 16 bytes', post(coding(b'chunked')), small * 50000, b'0\r\n\r\n', 100 * MIB)


if __name__ == '__main__':
    main()
