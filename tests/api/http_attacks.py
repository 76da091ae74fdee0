"""Raw framing attacks: http_attacks.py BINARY [--dribble] [--tls CERT KEY] [--port PORT]

Runs the table of http_cases.py against a server of its own (or one that listens on PORT).
--dribble sends every byte alone: the answer must not depend on packets."""
import argparse
import concurrent.futures as futures
import contextlib
import os
import sys

import http_cases
from http_server import CLOSED, Server, responses

PARALLEL = 8
SILENCE_SECONDS = 0.25  # anything that comes after the last expected response comes within this
DRIBBLE_BYTES_MAX = 4000  # longer cases are sent whole


def exchange(server, case, dribble):
    """The statuses that come back, by our own framing, and whether the server closed."""
    headless = case.name.startswith('HEAD')  # an answer to HEAD announces a length and has no body
    sock = server.connect()
    with contextlib.suppress(OSError):  # the server may close before it has read all
        if dribble and len(case.data) < DRIBBLE_BYTES_MAX:
            for i in range(len(case.data)):
                sock.sendall(case.data[i:i + 1])
        else:
            sock.sendall(case.data)
    got, end = b'', None
    while end is None:
        here = responses(got, headless)[0]
        waited_for_all = (len(here) >= len(case.statuses) and len(final(here)) >= len(final(case.statuses))
                          and case.end != CLOSED)
        more, end = read_some(sock, SILENCE_SECONDS if waited_for_all else 10)
        got += more
    sock.close()
    statuses, rest = responses(got, headless)
    return statuses + (['half a response'] if rest else []), end


def final(statuses):
    """Without the interim 100, which a body that comes along may or may not draw when it comes in pieces."""
    return [s for s in statuses if s != 100]


def read_some(sock, seconds):
    """Bytes and None, or nothing and how it ended."""
    sock.settimeout(seconds)
    try:
        more = sock.recv(65536)
    except ConnectionResetError:
        return b'', 'reset'
    except OSError:  # silence
        return b'', 'open'
    return more, None if more else CLOSED


class Running:
    """A server that is there already."""

    def __init__(self, port):
        self.port, self.tls = port, False

    connect = Server.connect


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('binary')
    parser.add_argument('--dribble', action='store_true')
    parser.add_argument('--tls', nargs=2)
    parser.add_argument('--port', type=int)
    arguments = parser.parse_args()
    is_mola = os.path.basename(arguments.binary) == 'mola'
    cases = http_cases.cases(http_cases.MOLA if is_mola else http_cases.STAND_IN)
    settings = dict(zip(('cert', 'key'), arguments.tls)) if arguments.tls else {}
    with contextlib.ExitStack() as stack:
        server = Running(arguments.port) if arguments.port else stack.enter_context(
            Server(arguments.binary, loops=2, **settings))
        with futures.ThreadPoolExecutor(PARALLEL) as pool:
            results = list(pool.map(lambda case: exchange(server, case, arguments.dribble), cases))
    bad = smuggled = 0
    for case, (statuses, end) in zip(cases, results):
        same = statuses == case.statuses or (arguments.dribble and final(statuses) == final(case.statuses) != [])
        good = same and end == case.end
        bad += not good
        smuggled += len(final(statuses)) > len(final(case.statuses))
        if not good:
            print(f'DIFFERS {case.name:40s} want {case.statuses} {case.end:6s} got {statuses} {end}')
    print(f'{len(cases)} cases, {bad} differ, {smuggled} with more responses than requests')
    return bad != 0


if __name__ == '__main__':
    sys.exit(main())
