#!/usr/bin/env python3
"""Power cuts under the whole server: mola starts on whatever the disk may hold afterwards, and every
write that had been answered by then is there, whole; every refused one is not; and it can go on.

check_crash_states.py tests the file: driver alone. Here `mola serve` runs under recorder.c, so what is
cut is the real order of entries, manifests, tombstones and answers.
"""

import argparse
import concurrent.futures
import os
import pathlib
import queue
import random
import shutil
import sys
import tempfile
import threading
import time

from crash_states import Recording

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "api"))
BATCH = 4
WORKERS = 4
DIED = "the server went away"
SHARED = [f"shared-{n}" for n in range(8)]
SETTINGS = {"schema": {"batch": "int"}}


class Fail(Exception):
    pass


class Writer(threading.Thread):
    """Works off its own operations, one after the other; writes into the log before and after each.

    An operation is (verb, batch); rows of different writers never meet, so what a writer's rows must be
    depends only on how far it got."""

    def __init__(self, number, server, operations, promise, barrier):
        super().__init__(daemon=True)
        self.number, self.server, self.promise, self.barrier = number, server, promise, barrier
        self.operations, self.problem = operations, None

    @property
    def namespace(self):
        return SHARED[self.number % len(SHARED)] if self.operations[0][0] != "own" else f"own-{self.number}"

    def contents(self, done):
        """Its batches that are there after so many operations."""
        batches = set()
        for verb, batch in self.operations[:done]:
            if verb == "put":
                batches.add(batch)
            elif verb == "delete":
                batches.discard(batch)
            elif verb == "drop":
                batches.clear()
        return frozenset(batches)

    def run(self):
        try:
            self.barrier.wait(60)
            for number, (verb, batch) in enumerate(self.operations):
                self.promise(f"A begin {self.number} {number}\n")
                status = self._do(verb, batch)
                if status != (400 if verb == "invalid" else 200):
                    raise Fail(f"writer {self.number}: {verb} was answered {status}")
                self.promise(f"A done {self.number} {number}\n")
        except Exception as problem:  # told by the main thread
            self.problem = problem

    def _do(self, verb, batch):
        if verb == "own":
            return 200
        if verb == "drop":
            return self.server.ask("DELETE", f"/v2/namespaces/{self.namespace}")[0]
        ids = [batch * BATCH + i for i in range(BATCH)]
        if verb == "delete":
            body = {"deletes": ids}
        else:
            value = "text" if verb == "invalid" else batch
            body = {"upsert_rows": [{"id": i, "batch": value, "filler": "x" * (batch % 700)} for i in ids], **SETTINGS}
        return self.server.ask("POST", f"/v2/namespaces/{self.namespace}", body)[0]


def operations_of(number, shared):
    first = number * 100
    if not shared:  # births, deaths and births of the same name
        return [("own", 0), ("put", first), ("put", first + 1), ("drop", 0), ("put", first + 2), ("drop", 0),
                ("put", first + 3), ("delete", first + 3)]
    middle = [("delete", first), ("invalid", first + 50), ("put", first + 1)][number % 3]
    return [("put", first), middle, ("put", first + 2)]


def record(recorder, directory, servers, slow_us):
    """All writers at once against servers under the recorder: (writers, path of the log)."""
    from mola import Mola
    root, log = os.path.join(directory, "root"), os.path.join(directory, "log")
    os.mkdir(root)
    environment = {"MOLA_RECORD_ROOT": root, "MOLA_RECORD_LOG": log, "MOLA_RECORD_SLOW_US": str(slow_us),
                   "LD_PRELOAD": recorder}
    running = [Mola(f"file:{root}/store", "--commit-window-ms", 5, env=environment) for _ in range(servers)]
    file = os.open(log, os.O_WRONLY | os.O_APPEND)
    plans = [operations_of(n, shared=True) for n in range(48)] + [operations_of(n, shared=False) for n in range(48, 54)]
    barrier = threading.Barrier(len(plans))

    def promise(line):
        assert os.write(file, line.encode()) == len(line)

    writers = [Writer(n, running[n // len(SHARED) % servers], plan, promise, barrier) for n, plan in enumerate(plans)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
        if writer.problem or writer.is_alive():
            raise Fail(writer.problem or f"writer {writer.number} never ended")
    os.close(file)
    if any([server.stop() for server in running]):
        raise Fail("a server under the recorder did not end well")
    return writers, log


def look(server, namespace):
    """{batch: rows} of a namespace; absent is empty."""
    status, body, _ = server.ask("POST", f"/v2/namespaces/{namespace}/query",
                                 {"rank_by": ["id", "asc"], "limit": 10000, "include_attributes": True})
    if status == 404:
        return {}
    if status != 200:
        raise Fail(f"{namespace}: a query is answered {status} {body}")
    found = {}
    for row in body["rows"]:
        if row["id"] // BATCH != row["batch"] or row["filler"] != "x" * (row["batch"] % 700):
            raise Fail(f"{namespace}: row {row['id']} is not as it was written")
        found[row["batch"]] = found.get(row["batch"], 0) + 1
    return found


def judge(server, writers, promises):
    """Raises Fail when what the server shows is not what had been promised."""
    begun, done = {}, {}
    for kind, writer, number in promises:
        (begun if kind == "begin" else done)[int(writer)] = int(number) + 1
    known = set()
    spaces = {}
    for writer in writers:
        spaces.setdefault(writer.namespace, []).append(writer)
    for namespace, members in spaces.items():
        found = look(server, namespace)
        for writer in members:
            mine = frozenset(batch for batch in found if batch // 100 == writer.number)
            known |= mine
            after = done.get(writer.number, 0)
            allowed = {writer.contents(after), writer.contents(begun.get(writer.number, 0))}
            if mine not in allowed:
                raise Fail(f"{namespace}: of writer {writer.number}, {after} operations answered, there is "
                           f"{sorted(mine)} and not {' or '.join(str(sorted(a)) for a in allowed)}")
        if set(found.values()) - {BATCH}:
            raise Fail(f"{namespace}: half a batch is there")
        if set(found) - known:
            raise Fail(f"{namespace}: rows that nobody wrote")
    listed = {n["id"] for n in server.ask("GET", "/v1/namespaces")[1]["namespaces"]}
    if listed - set(spaces):
        raise Fail(f"names that nobody gave: {listed - set(spaces)}")
    for namespace in (SHARED[0], writers[-1].namespace):  # and the log goes on
        before = look(server, namespace)
        row = {"id": 99999 * BATCH, "batch": 99999, "filler": "x" * (99999 % 700)}
        status, body, _ = server.ask("POST", f"/v2/namespaces/{namespace}", {"upsert_rows": [row], **SETTINGS})
        if status != 200 or look(server, namespace) != {**before, 99999: 1}:
            raise Fail(f"{namespace}: cannot be written any more: {status} {body}")


class Bench:
    """Starts mola on states; several at once, each at a place of its own."""

    def __init__(self, scratch, writers):
        self.writers, self.places = writers, queue.SimpleQueue()
        for n in range(WORKERS):
            self.places.put(os.path.join(scratch, str(n)))
        self.pool = concurrent.futures.ThreadPoolExecutor(WORKERS)

    def check(self, state):
        """Words about what is wrong with a state, or None."""
        from mola import Mola
        place = self.places.get()
        try:
            shutil.rmtree(place, ignore_errors=True)
            state.build(place)
            try:
                server = Mola(f"file:{place}/store")
            except AssertionError as words:
                return f"mola does not start: {words}"
            try:
                judge(server, self.writers, state.promises)
                return None
            except Fail as words:
                return str(words)
            except OSError as problem:  # nothing on a disk may bring the server down
                return f"{problem}: {DIED}, and said {server.lines[-3:]}"
            finally:
                server.kill()
        finally:
            self.places.put(place)

    def broken(self, states, seconds):
        """(state, words) of each that is not as it must be; a last (None, count). Ends early when the time is over."""
        end, count, pending = time.monotonic() + seconds, 0, {}
        states = iter(states)
        while True:
            while len(pending) < WORKERS + 2 and time.monotonic() < end:
                state = next(states, None)
                if state is None:
                    break
                pending[self.pool.submit(self.check, state)] = state
            if not pending:
                yield None, count
                return
            done, _ = concurrent.futures.wait(pending, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                count += 1
                state, words = pending.pop(future), future.result()
                if words:
                    yield state, words


def check_recording(bench, log, args):
    """Everything that was promised is kept. And the test of the test: with the fsyncs left out of the recording,
    something must be missing, and the server must bear what is left of its store."""
    recording = Recording(log)
    states = recording.states(args.states, args.seed, per_cut=6)
    kept, count = None, 0
    for kept, count in bench.broken(states, args.seconds):
        break
    if kept:
        raise Fail(f"{count}\n  {kept}")
    if count < min(50, args.states):
        raise Fail(f"time for {count} states only")
    print(f"{recording.changes} changes, {len(recording.promises)} promises, {count} states: all kept", flush=True)
    without, missed = Recording(log, forget=lambda callers: True), 0
    for state, words in bench.broken(without.states(args.states, args.seed, per_cut=3), args.seconds):
        if state is None:
            print(f"with the fsyncs forgotten, {missed} of {words} states: something was missing", flush=True)
        elif DIED in words:
            raise Fail(f"{words}\n  {state}")
        else:
            missed += 1
    if not missed:
        raise Fail("with the fsyncs forgotten, nothing was missing")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mola", required=True)
    parser.add_argument("--recorder", required=True)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "little"))
    parser.add_argument("--states", type=int, default=300, help="states to start on for each recording")
    parser.add_argument("--seconds", type=int, default=100, help="for each recording, at most")
    args = parser.parse_args()
    os.environ["MOLA_BINARY"] = args.mola
    shared = "/dev/shm" if os.path.isdir("/dev/shm") else None
    print(f"seed {args.seed}")
    with tempfile.TemporaryDirectory() as work, tempfile.TemporaryDirectory(dir=shared) as scratch:
        for title, servers, slow_us in (("one server", 1, 500), ("two servers", 2, 3000)):
            directory = os.path.join(work, str(servers))
            os.mkdir(directory)
            print(title)
            writers, log = record(args.recorder, directory, servers, slow_us)
            bench = Bench(scratch, writers)
            try:
                check_recording(bench, log, args)
            except Fail:
                kept = os.path.join(tempfile.gettempdir(), "mola-broken-server-recording.log")
                shutil.copyfile(log, kept)
                print(f"log kept at {kept}")
                raise
            finally:
                bench.pool.shutdown()


if __name__ == "__main__":
    try:
        main()
    except Fail as problem:
        print(f"failed: {problem}")
        sys.exit(1)
