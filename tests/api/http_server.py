"""Starts the server under test: http_stand_in (src/http and the smallest api) or mola itself."""
import os
import re
import resource
import pathlib
import signal
import socket
import ssl
import subprocess
import threading
import time

KEY = b'Authorization: Bearer tpuf_good\r\n'
HOST = b'Host: a\r\n'
GOOD = HOST + KEY
START_SECONDS, STOP_SECONDS = 30, 60

MOLA_SETTINGS = {  # settings of the stand-in by the names of mola's flags
    'loops': '--loops', 'connections': '--connections-max', 'idle_s': '--idle-seconds', 'drain_s': '--drain-seconds',
    'cert': '--tls-cert', 'key': '--tls-key',
}


class Server:
    """A running server on a port of its own. Leaving the `with` block stops it and demands a clean end."""

    def __init__(self, binary, descriptors=None, **settings):
        self.binary, self.lines, self.tls = binary, [], 'cert' in settings
        self.is_mola = os.path.basename(binary) == 'mola'
        limit = None
        if descriptors:
            limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
        self.process = subprocess.Popen(self.command(settings), stderr=subprocess.PIPE, text=True, preexec_fn=limit)
        self.heard = threading.Condition()
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()
        line = self.wait_for_line(' listening ', START_SECONDS)
        self.pid, self.port = self.process.pid, int(re.search(r' port=(\d+)', line)[1])

    def command(self, settings):
        if not self.is_mola:
            return [self.binary] + [f'{name}={value}' for name, value in settings.items()]
        flags = [word for name, value in settings.items() for word in (MOLA_SETTINGS[name], str(value))]
        return [self.binary, 'serve', '--store', 'mem:', '--listen', '127.0.0.1:0', '--api-keys', 'tpuf_good'] + flags

    def listen(self):
        for line in self.process.stderr:
            with self.heard:
                self.lines.append(line.rstrip('\n'))
                self.heard.notify_all()
        with self.heard:
            self.lines.append('')
            self.heard.notify_all()

    def wait_for_line(self, words, seconds):
        with self.heard:
            self.heard.wait_for(lambda: any(words in line or line == '' for line in self.lines), seconds)
            for line in self.lines:
                if words in line:
                    return line
        raise AssertionError(f'{self.binary} never said {words!r}: {self.lines[-5:]}')

    def connect(self, receive_buffer=None):
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(30)
        sock.connect(('127.0.0.1', self.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF if hasattr(ssl, 'OP_IGNORE_UNEXPECTED_EOF') else 0
            sock = context.wrap_socket(sock, suppress_ragged_eofs=True)
        return sock

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def thread_states(self):
        """The state letter of each thread: a stop signal reaches them one by one."""
        tasks = pathlib.Path(f'/proc/{self.process.pid}/task')
        return [(task / 'stat').read_text().rpartition(')')[2].split()[0] for task in tasks.iterdir()]

    def stop(self, status=0):
        """SIGTERM unless it has been sent; the exit status; the stand-in must give back every byte."""
        if self.process.poll() is None:
            self.signal()
        try:
            got = self.process.wait(STOP_SECONDS)
        finally:
            if self.process.poll() is None:
                self.process.kill()
        self.listener.join(STOP_SECONDS)
        assert got == status, f'exit status {got}, not {status}: {self.lines[-30:]}'
        if status == 0:
            assert ' head_bytes=0 body_bytes=0' in self.wait_for_line(' http_drained ', 1), self.lines[-30:]
        if not self.is_mola:
            assert 'closed heap_bytes=0 body_bytes=0 connections=0' in self.lines, self.lines[-30:]

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind:
            self.process.kill()
            self.process.wait()
        else:
            self.stop()

    def cpu_seconds(self):
        with open(f'/proc/{self.pid}/stat', encoding='ascii') as file:
            fields = file.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def rss_kib(self):
        with open(f'/proc/{self.pid}/status', encoding='ascii') as file:
            return int(next(line for line in file if line.startswith('VmRSS')).split()[1])


def get(target=b'/quick', fields=GOOD, version=b'HTTP/1.1', method=b'GET'):
    return method + b' ' + target + b' ' + version + b'\r\n' + fields + b'\r\n'


def post(fields=b'', body=b'', target=b'/v2/namespaces/x', base=GOOD):
    return b'POST ' + target + b' HTTP/1.1\r\n' + base + fields + b'\r\n' + body


def length(n):
    return b'Content-Length: %s\r\n' % (n if isinstance(n, bytes) else b'%d' % n)


def coding(value):
    return b'Transfer-Encoding: ' + value + b'\r\n'


def chunked(body, fields=b'', target=b'/v2/namespaces/x'):
    return post(fields + coding(b'chunked'), body, target)


def responses(got, headless=False):
    """Takes whole responses off the front of `got`: their statuses, and what is left."""
    statuses = []
    while b'\r\n\r\n' in got:
        top, rest = got.split(b'\r\n\r\n', 1)
        lines = top.lower().split(b'\r\n')
        words = lines[0].split()
        if len(words) < 2 or not words[0].startswith(b'http/1.') or not words[1].isdigit():
            break
        size = 0 if headless else next((int(l.split(b':')[1]) for l in lines if l.startswith(b'content-length:')), 0)
        if len(rest) < size:
            break
        statuses.append(int(words[1]))
        got = rest[size:]
    return statuses, got


OPEN, CLOSED, RESET = 'open', 'closed', 'reset'


def read_all(sock, seconds=30.0):
    """Everything until the server closes or `seconds` pass in silence: the bytes, and how it ended."""
    sock.settimeout(seconds)
    got = b''
    while True:
        try:
            more = sock.recv(65536)
        except (socket.timeout, TimeoutError):
            return got, OPEN
        except ConnectionResetError:
            return got, RESET
        if not more:
            return got, CLOSED
        got += more


def read_response(sock, seconds=30.0):
    """One whole response: its status and its bytes."""
    sock.settimeout(seconds)
    got = b''
    while not responses(got)[0]:
        more = sock.recv(65536)
        assert more, f'closed after {got[:200]!r}'
        got += more
    return responses(got)[0][0], got


def eventually(condition, seconds=30.0, what='condition'):
    """Waits until `condition()` is true; a deadline, not a delay."""
    until = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < until, f'{what} not within {seconds} s'
        time.sleep(0.01)
