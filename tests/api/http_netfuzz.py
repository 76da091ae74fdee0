"""Mutated attack cases over real sockets: http_netfuzz.py BINARY [SECONDS [SEED]]

Joins, cuts and damages cases of the table, sends them in random pieces, and leaves in every way a client can
leave. The server must live, answer a good request afterwards, stop cleanly and give everything back."""
import contextlib
import os
import random
import socket
import struct
import sys
import time

import http_cases
from http_server import Server, chunked, get, length, post, read_response

CASE_BYTES_MAX = 70000
LINGERING_MAX = 200  # half-open connections kept at one time
PIECES = [1, 3, 50, 1000, 20000]
WORDS = [b'\r\n', b'\n', b'\r', b'\0', b' ', b':', b'0', b'fffff', b'\r\n\r\n', b'HTTP/1.0', b'Content-Length: 5\r\n',
         b'Transfer-Encoding: chunked\r\n', b'Connection: close\r\n', b'Expect: 100-continue\r\n',
         b'X-Request-Id: \xff\r\n', b'Content-Encoding: gzip\r\n']


def seeds(is_mola):
    cases = [case.data for case in http_cases.cases(http_cases.MOLA if is_mola else http_cases.STAND_IN)]
    cases = [data for data in cases if len(data) < CASE_BYTES_MAX]
    big = [post(length(200000), b'y' * 200000), chunked(b'4000\r\n' + b'z' * 0x4000 + b'\r\n0\r\n\r\n')]
    return cases + big + ([] if is_mola else [get(b'/sleep/20'), get(b'/big/300000')])


def mutate(rng, data):
    for _ in range(rng.choice([0, 0, 1, 1, 2, 4])):
        at, kind = rng.randrange(len(data) + 1), rng.random()
        if kind < 0.4:
            data = data[:at] + rng.choice(WORDS) + data[at:]
        elif kind < 0.7:
            data = data[:at] + data[at + rng.randint(1, 9):]
        elif kind < 0.9:
            data = data[:at] + bytes([rng.randrange(256)]) + data[at + 1:]
        else:
            data = data[:at] + data[rng.randrange(len(data) + 1):]
    return data


def send_in_pieces(rng, sock, data):
    """Sends all of it, or a part; reads along when the server does not take more."""
    sock.setblocking(False)
    at = 0
    while at < len(data) and rng.random() > 0.005:
        try:
            at += sock.send(data[at:at + rng.choice(PIECES + [len(data)])])
        except BlockingIOError:
            try:
                if not sock.recv(100000):
                    return
            except BlockingIOError:
                time.sleep(0.001)
        if rng.random() < 0.02:
            time.sleep(0.002)


def leave(rng, sock, lingering):
    how = rng.random()
    if how < 0.3:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        sock.close()
    elif how < 0.5:
        sock.shutdown(socket.SHUT_WR)
        lingering.append(sock)
    elif how < 0.8:
        lingering.append(sock)
    else:
        sock.close()


def main():
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 5
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(1 << 32)
    print(f'seed {seed}')
    rng, lingering, count = random.Random(seed), [], 0
    table = seeds(os.path.basename(sys.argv[1]) == 'mola')
    with Server(sys.argv[1], loops=2) as server:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            data = mutate(rng, b''.join(rng.choice(table) for _ in range(rng.randint(1, 5))))
            sock = server.connect()
            with contextlib.suppress(ConnectionError):
                send_in_pieces(rng, sock, data)
                leave(rng, sock, lingering)
            count += 1
            while len(lingering) > LINGERING_MAX:
                lingering.pop(rng.randrange(len(lingering))).close()
        sock = server.connect()
        sock.sendall(get(http_cases.MOLA.quick if server.is_mola else http_cases.STAND_IN.quick))
        assert read_response(sock)[0] == 200
        for other in lingering + [sock]:
            other.close()
    print(f'{count} mutated connections')


if __name__ == '__main__':
    main()
