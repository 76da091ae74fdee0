"""What happens to connections over time: http_life.py BINARY [SCENARIO ...]; all of them without a name.

Each scenario has a server of its own and ends with a clean stop, at which the stand-in demands that every
byte and every connection has been given back."""
import contextlib
import os
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

from http_server import CLOSED, RESET, Server, coding, eventually, get, length, post, read_all, read_response, responses

MB = 1000000


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    sock.close()


def is_readable(sock):
    return bool(select.select([sock], [], [], 0)[0])


def peers_that_go_away(binary):
    """Resets and half-closes while executing, uploading and reading. A half-closed client gets its answers."""
    with Server(binary, threads=16) as server:
        half_closed = []
        for i in range(200):
            sock = server.connect()
            pipelined = get(b'/executed') * 3 if i % 3 == 0 else b''
            sock.sendall(get(b'/sleep/100') + pipelined)
            if i % 4 == 0:
                sock.shutdown(socket.SHUT_WR)
                half_closed.append((sock, 4 if pipelined else 1))
            elif i % 2:
                reset(sock)
            else:
                sock.close()
        for sock, expected in half_closed:
            got, end = read_all(sock)
            assert responses(got) == ([200] * expected, b'') and end == CLOSED, (got[:200], end)
        for i in range(50):  # in the middle of an upload
            sock = server.connect()
            sock.sendall(post(length(5 * MB), b'x' * 100000 * (i % 5)))
            reset(sock)
        for i in range(30):  # while a large answer is on its way
            sock = server.connect()
            sock.sendall(get(b'/big/3000000'))
            sock.recv(1000)
            reset(sock)
        sock = server.connect()
        sock.sendall(get(b'/executed'))
        assert read_response(sock)[0] == 200
        sock.close()


def pace(binary):
    """64 KiB/s is the floor in both directions, 10 s the grace: above it a transfer lives, below it dies."""
    with Server(binary) as server:
        slow_reader, reader = server.connect(4096), server.connect(16384)
        slow_reader.sendall(get(b'/big/50000000'))
        reader.sendall(get(b'/big/20000000'))
        slow_writer, writer, stalled = (server.connect() for _ in range(3))
        for sock in (slow_writer, writer, stalled):
            sock.sendall(post(length(100 * MB)))
        stalled.sendall(b'x' * MB)  # a fast start is no credit to stall on
        began, ends = time.monotonic(), {}
        poll = select.poll()
        poll.register(slow_reader, select.POLLERR | select.POLLHUP)
        received = 0
        while len(ends) < 3 and time.monotonic() < began + 40:
            time.sleep(0.1)
            now = time.monotonic() - began
            if 'reader' not in ends and (poll.poll(0) or read_slowly(slow_reader) is None):
                ends['reader'] = now
            received += len(reader.recv(15000))
            if 'writer' not in ends:
                with contextlib.suppress(OSError):
                    slow_writer.sendall(b'x' * 3000)
                if is_readable(slow_writer):
                    ends['writer'] = now
            if 'stalled' not in ends and is_readable(stalled):
                ends['stalled'] = now
            writer.sendall(b'x' * 12000)  # raises if the server has closed
        print('  ended after', {name: round(seconds, 1) for name, seconds in ends.items()})
        assert 9 < ends['stalled'] < 14 and 9 < ends['reader'] < 30 and 12 < ends['writer'] < 30, ends
        assert b' 408 ' in slow_writer.recv(4096) and b' 408 ' in stalled.recv(4096)
        assert received > MB and not is_readable(writer)
        for sock in (slow_reader, reader, slow_writer, writer, stalled):
            sock.close()


def read_slowly(sock):
    try:
        return sock.recv(100, socket.MSG_DONTWAIT) or None
    except BlockingIOError:
        return b''
    except OSError:
        return None


def heads_in_time(binary):
    """A head that dribbles has 10 s from its first byte to its last, however often a byte comes."""
    with Server(binary) as server:
        sock = server.connect()
        began = time.monotonic()
        sock.sendall(b'GET /quick HTTP/1.1\r\nX: ')
        while not is_readable(sock) and time.monotonic() < began + 20:
            sock.sendall(b'a')
            time.sleep(0.2)
        assert 9.5 < time.monotonic() - began < 12, time.monotonic() - began
        got, end = read_all(sock)
        assert b' 408 ' in got and b'Connection: close' in got and end == CLOSED, got


def idle_time(binary):
    """A silent connection is closed after its idle time; each request begins a new one."""
    with Server(binary, idle_s=2) as server:
        silent, used = server.connect(), server.connect()
        began = time.monotonic()
        for _ in range(3):
            used.sendall(get())
            assert read_response(used)[0] == 200
            time.sleep(1)
        assert read_all(silent) == (b'', CLOSED)
        assert read_all(used) == (b'', CLOSED)
        assert 4 < time.monotonic() - began < 7, time.monotonic() - began


def drain(binary):
    """SIGTERM: no new connections; what executes or uploads is answered, with Connection: close."""
    with Server(binary) as server:
        executing = [server.connect() for _ in range(10)]
        idle = [server.connect() for _ in range(50)]
        for sock in idle:
            sock.sendall(get())
            assert read_response(sock)[0] == 200
        for sock in executing:
            sock.sendall(get(b'/sleep/1500'))
        upload = server.connect()
        upload.sendall(post(length(100000) + b'Expect: 100-continue\r\n'))
        assert b' 100 ' in upload.recv(100)
        late = idle.pop()
        server.signal()
        server.wait_for_line(' http_draining ', 10)
        late.sendall(get(b'/executed'))
        for i in range(10):
            upload.sendall(b'x' * 10000)
            time.sleep(0.05)
        for sock in executing + [upload, late]:
            got, end = read_all(sock)
            assert responses(got) == ([200], b'') and b'Connection: close' in got and end == CLOSED, (got, end)
        for sock in idle:
            assert read_all(sock) == (b'', CLOSED)
        try:
            server.connect()
            raise AssertionError('a connection was accepted while draining')
        except (ConnectionRefusedError, ConnectionResetError):
            pass


def drain_in_time(binary):
    """What is not finished after drain_s is cut off; the exit status says so."""
    server = Server(binary, drain_s=2)
    executing, upload = server.connect(), server.connect()
    executing.sendall(get(b'/sleep/60000'))
    upload.sendall(post(length(10 * MB), b'x' * MB))
    began = time.monotonic()
    server.stop(3)
    assert 1.5 < time.monotonic() - began < 6, time.monotonic() - began
    assert read_all(executing)[1] == RESET and read_all(upload)[1] == RESET


def drain_with_notice(binary):
    """For notice_s new connections are still served, so that a balancer can look away first."""
    with Server(binary, notice_s=2) as server:
        idle = server.connect()
        server.signal()
        server.wait_for_line(' http_draining ', 10)
        sock = server.connect()
        sock.sendall(get(b'/executed'))
        got, end = read_all(sock)
        assert responses(got) == ([200], b'') and b'Connection: close' in got and end == CLOSED, (got, end)
        idle.sendall(get())
        assert b'Connection: close' in read_response(idle)[1]


def starved(binary):
    """Without descriptors accepting pauses, does not spin, and goes on as soon as there are some."""
    with Server(binary, loops=2) as server:
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (100, 100))
        socks = [server.connect() for _ in range(300)]
        for sock in socks:
            sock.sendall(get())
        eventually(lambda: sum(map(is_readable, socks)) > 20, what='the first ones served')
        before, began = server.cpu_seconds(), time.monotonic()
        time.sleep(0.8)  # a measuring interval, not a wait
        share = (server.cpu_seconds() - before) / (time.monotonic() - began)
        assert share < 0.2, f'{share * 100:.0f} % CPU while starved'
        for sock in sorted(socks, key=lambda sock: not is_readable(sock)):
            assert read_response(sock)[0] == 200
            sock.close()


def few_descriptors(binary):
    """Where the system gives few descriptors, a quarter of them is left to the store."""
    with Server(binary, descriptors=80, loops=1) as server:
        server.wait_for_line('connections_limited wanted=10000 allowed=60 ', 1)
        busy = [server.connect() for _ in range(60)]
        for sock in busy:
            sock.sendall(get(b'/sleep/1500'))
        waiting = server.connect()
        waiting.sendall(get())
        eventually(lambda: count_sockets(server) >= 60, what='sixty connections taken')
        assert not is_readable(waiting) and count_sockets(server) < 70
        assert all(read_response(sock)[0] == 200 for sock in busy)
        assert read_response(waiting)[0] == 200


def count_sockets(server):
    links = []
    for name in os.listdir(f'/proc/{server.pid}/fd'):
        with contextlib.suppress(FileNotFoundError):
            links.append(os.readlink(f'/proc/{server.pid}/fd/{name}'))
    return sum(link.startswith('socket:') for link in links)


def full(binary):
    """At the cap new connections wait; the longest idle one makes room after a second, a busy one never."""
    with Server(binary, loops=1, connections=50) as server:
        socks = [server.connect() for _ in range(100)]
        for sock in socks:
            sock.sendall(get())
        began = time.monotonic()
        for i, sock in enumerate(socks):
            assert read_response(sock)[0] == 200, i
        assert 0.9 < time.monotonic() - began < 10, time.monotonic() - began
        evicted = sum(is_readable(sock) for sock in socks[:50])
        assert evicted == 50, f'{evicted} of the 50 idle ones made room'
        assert not any(map(is_readable, socks[50:]))
    with Server(binary, loops=1, connections=10) as server:
        busy = [server.connect() for _ in range(10)]
        for sock in busy:
            sock.sendall(get(b'/sleep/2500'))
        waiting = server.connect()
        waiting.sendall(get())
        assert read_response(waiting)[0] == 200
        assert all(read_response(sock)[0] == 200 for sock in busy)


def body_budget(binary):
    """A body that does not fit is refused on its head, before a byte of it is kept; the others go on."""
    with Server(binary, bodies_mb=10) as server:
        socks = [server.connect() for _ in range(20)]
        for sock in socks:
            sock.sendall(post(length(MB)))
        eventually(lambda: sum(map(is_readable, socks)) == 10, what='ten of twenty refused')
        for sock in socks:
            if is_readable(sock):
                got, end = read_all(sock)
                assert b' 503 ' in got and b'Retry-After' in got and end == CLOSED, got
            else:
                sock.sendall(b'x' * MB)
                assert read_response(sock)[0] == 200
                sock.close()
        sock = server.connect()
        sock.sendall(post(coding(b'chunked')))
        with contextlib.suppress(OSError):  # it may be refused while we send
            for _ in range(30):
                sock.sendall(b'100000\r\n' + b'x' * 0x100000 + b'\r\n')
        assert b' 503 ' in sock.recv(4096)


def reply_budget(binary):
    """Large replies are charged until they are sent: readers that do not read cannot take all memory."""
    with Server(binary, bodies_mb=40) as server:
        socks = [server.connect(4096) for _ in range(5)]
        for sock in socks:
            sock.sendall(get(b'/big/16000000'))
        eventually(lambda: all(map(is_readable, socks)), what='five answers')
        statuses = sorted(sock.recv(12) for sock in socks)
        assert [b' 200' in s for s in statuses] == [True] * 2 + [False] * 3 and b' 503' in statuses[4], statuses
        for sock in socks:
            reset(sock)
        eventually(lambda: status_of(server, get(b'/big/16000000')) == 200, what='room for an answer again')


def status_of(server, request):
    with server.connect() as sock:
        sock.sendall(request)
        return read_response(sock)[0]


def heads_budget(binary):
    """Partial heads of all strangers share one budget; over it the newest byte loses, and others are served."""
    with Server(binary, heads_kb=256) as server:
        socks = [server.connect() for _ in range(12)]
        for sock in socks:
            with contextlib.suppress(OSError):
                sock.sendall(b'GET /quick HTTP/1.1\r\nX: ' + b'a' * 40000)
        eventually(lambda: sum(map(is_readable, socks)) >= 8, what='the heads over the budget reset')
        assert status_of(server, get()) == 200
        for sock in socks:
            sock.close()


def stopped(binary):
    """SIGSTOP and SIGCONT interrupt the loop's wait; connections survive it."""
    with Server(binary) as server:
        sock = server.connect()
        sock.sendall(get())
        assert read_response(sock)[0] == 200
        server.signal(signal.SIGSTOP)
        eventually(lambda: all(state == 'T' for state in server.thread_states()), what='all threads stopped')
        sock.sendall(get())
        time.sleep(0.5)
        assert not is_readable(sock)
        server.signal(signal.SIGCONT)
        assert read_response(sock)[0] == 200


def port_taken(binary):
    """Two servers must not share a port by accident: SO_REUSEPORT alone would let them."""
    with Server(binary) as server:
        second = subprocess.run([binary, f'port={server.port}'], capture_output=True, text=True, timeout=30, check=False)
        assert second.returncode == 1 and 'cannot bind' in second.stderr, second
        assert status_of(server, get()) == 200


def queue_full(binary):
    """More work than the executor's queue takes is answered 503 at once, and the connection stays."""
    with Server(binary, threads=1, queue=2) as server:
        socks = [server.connect() for _ in range(20)]
        for sock in socks:
            sock.sendall(get(b'/sleep/500'))
        statuses = [read_response(sock)[0] for sock in socks]
        assert set(statuses) == {200, 503}, statuses
        for sock in socks:
            sock.sendall(get())
            assert read_response(sock)[0] == 200


def tls(binary):
    """TLS 1.2 and 1.3: pipelining, megabytes both ways, a silent handshake, plain bytes to the TLS port."""
    with tempfile.TemporaryDirectory() as folder:
        cert, key = f'{folder}/cert.pem', f'{folder}/key.pem'
        words = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost'.split()
        subprocess.run(['openssl', 'req', '-x509', *words, '-keyout', key, '-out', cert], check=True, capture_output=True)
        with Server(binary, cert=cert, key=key) as server:
            silent = socket.create_connection(('127.0.0.1', server.port))
            plain = socket.create_connection(('127.0.0.1', server.port))
            plain.sendall(get())
            got, end = read_all(plain)
            assert b'HTTP' not in got and end in (CLOSED, RESET), got
            sock = server.connect()
            sock.sendall(get() * 20 + get(b'/executed') + post(length(7 * MB), b'x' * 7 * MB) + get())
            got, statuses = b'', []
            while len(statuses) < 23:
                got += sock.recv(65536)
                statuses = responses(got)[0]
            assert statuses == [200] * 23 and b'"bytes":7000000' in got
            sock.sendall(get(b'/big/20000000'))
            assert len(read_response(sock)[1]) > 20 * MB
            sock.sendall(post(length(7 * MB), base=b'Host: a\r\n') + b'x' * MB)
            got, end = read_all(sock)
            assert b' 401 ' in got and end == CLOSED, (got, end)
            began = time.monotonic()
            assert read_all(silent)[0] == b'' and time.monotonic() - began < 12
        attacks = [sys.executable, __file__.replace('http_life', 'http_attacks'), binary, '--tls', cert, key]
        subprocess.run(attacks, check=True, timeout=120)


SCENARIOS = [peers_that_go_away, pace, heads_in_time, idle_time, drain, drain_in_time, drain_with_notice, starved,
             few_descriptors, full, body_budget, reply_budget, heads_budget, stopped, port_taken, queue_full, tls]


def main():
    chosen = [s for s in SCENARIOS if s.__name__ in sys.argv[2:]] if sys.argv[2:] else SCENARIOS
    assert len(chosen) == len(sys.argv[2:] or SCENARIOS), f'no such scenario in {sys.argv[2:]}'
    for scenario in chosen:
        began = time.monotonic()
        scenario(sys.argv[1])
        print(f'{scenario.__name__}: {time.monotonic() - began:.1f} s')


if __name__ == '__main__':
    main()
