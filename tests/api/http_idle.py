"""Many connections against one server: http_idle.py BINARY [COUNT]

idle    connections that say nothing: bytes of server memory each
keep    one valid GET each, then silence: the same
keyless one valid GET each, then a 7 MB POST without a key: every client reads its 401, and memory does not grow
slow    half a head each, then a byte now and then: all are told 408 in time, healthy clients do not notice
Prints the figures and fails when one is worse than it must be."""
import contextlib
import os
import resource
import select
import sys
import threading
import time

from http_server import CLOSED, GOOD, Server, eventually, get, post, length, read_all, read_response

BINARY = sys.argv[1]
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 10000
ROUTE = b'/health' if os.path.basename(BINARY) == 'mola' else b'/quick'
IDLE_BYTES_MAX = 2048           # of server memory for a connection between requests
SLOW_BYTES_MAX = 8192           # for one with half a head
KEYLESS, KEYLESS_KIB_MAX = 1000, 8 * 1024
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


class Healthy:
    """A client that goes on asking, and measures how long each answer takes."""

    def __init__(self, server):
        self.latencies, self.is_over = [], threading.Event()
        self.thread = threading.Thread(target=self.ask, args=(server.connect(),))
        self.thread.start()

    def ask(self, sock):
        while not self.is_over.wait(0.005):
            began = time.perf_counter()
            sock.sendall(get(ROUTE))
            read_response(sock)
            self.latencies.append(time.perf_counter() - began)
        sock.close()

    def p99_ms(self):
        self.is_over.set()
        self.thread.join()
        ordered = sorted(self.latencies)
        return ordered[len(ordered) * 99 // 100] * 1000


def connect_many(server, count, first):
    socks = []
    for _ in range(count):
        sock = server.connect()
        socks.append(sock)
        if first:
            sock.sendall(first)
    return socks


def warm(server):
    """The loops have run, and malloc has taken its first pages."""
    for sock in connect_many(server, 50, get(ROUTE)):
        read_response(sock)
        sock.close()


def waiting(name, first, bytes_max):
    """COUNT connections that have sent `first`; the memory of each."""
    with Server(BINARY, loops=1, connections=COUNT + 100) as server:
        warm(server)
        before = server.rss_kib()
        socks = connect_many(server, COUNT, first)
        healthy = Healthy(server)
        if first.endswith(b'\r\n\r\n'):
            for sock in socks:
                assert read_response(sock)[0] == 200
        eventually(lambda: len(healthy.latencies) >= 100, what='a hundred answers for a healthy client')
        each = (server.rss_kib() - before) * 1024 / COUNT
        p99 = healthy.p99_ms()
        print(f'{name}: {COUNT} connections, {each:.0f} B each, healthy client p99 {p99:.2f} ms')
        assert each < bytes_max
        for sock in socks:
            sock.close()


def keyless():
    """All bytes of the uploads are sent as fast as the server takes them; none may be kept."""
    body = b'x' * 7000000
    with Server(BINARY, loops=1) as server:
        warm(server)
        socks = connect_many(server, KEYLESS, get(ROUTE))
        for sock in socks:
            assert read_response(sock)[0] == 200
        before = top = server.rss_kib()
        for sock in socks:
            with contextlib.suppress(OSError):  # the server closes in the middle of it
                sock.sendall(post(length(len(body)), body, base=b'Host: a\r\n'))
            top = max(top, server.rss_kib())
            got, _ = read_all(sock)
            assert b' 401 ' in got, got
            sock.close()
        print(f'keyless: {KEYLESS} uploads of 7 MB refused, memory +{top - before} KiB at most')
        assert top - before < KEYLESS_KIB_MAX


def slow():
    """Each connection is told 408 ten seconds after the first byte of its head."""
    with Server(BINARY, loops=1, connections=COUNT + 100) as server:
        warm(server)
        before, began = server.rss_kib(), time.monotonic()
        socks = connect_many(server, COUNT, b'GET /quick HTTP/1.1\r\n' + GOOD + b'X: ')
        connected = time.monotonic()
        eventually(lambda: server.rss_kib() > before, what='half heads in memory')
        each = (server.rss_kib() - before) * 1024 / COUNT
        healthy = Healthy(server)
        ended = end_of_all(socks)
        p99 = healthy.p99_ms()
        first, last = ended[0] - began, ended[-1] - connected
        print(f'slow: {COUNT} half heads, {each:.0f} B each, closed {first:.1f} to {last:.1f} s after they began, '
              f'healthy client p99 {p99:.2f} ms')
        assert first > 9.5 and last < 13 and each < SLOW_BYTES_MAX
        for sock in socks:
            got, end = read_all(sock)
            assert b' 408 ' in got and end == CLOSED, (got, end)
            sock.close()


def end_of_all(socks):
    """A byte a second into a tenth of them; the times at which the server ended each."""
    poll, left, ended = select.epoll(), set(), []
    for sock in socks:
        poll.register(sock, select.EPOLLIN | select.EPOLLRDHUP)
        left.add(sock.fileno())
    began = sent = time.monotonic()
    while left:
        for descriptor, _ in poll.poll(0.2):
            ended.append(time.monotonic())
            poll.unregister(descriptor)
            left.discard(descriptor)
        now = time.monotonic()
        assert now < began + 30, f'{len(left)} were never ended'
        if now > sent + 1:
            sent = now
            for sock in socks[::10]:
                if sock.fileno() in left:
                    with contextlib.suppress(OSError):
                        sock.send(b'a')
    return ended


def main():
    waiting('idle', b'', IDLE_BYTES_MAX)
    waiting('keep', get(ROUTE), IDLE_BYTES_MAX)
    keyless()
    slow()


if __name__ == '__main__':
    main()
