"""kill -9 before each call that changes the store or the cache: of flushes, merges, publications, collections, fills.

A shim counts the calls of all threads and ends the process before its n-th. A run without an end says how many
there are; those of the start of a process, which every store test has, are left out."""
import concurrent.futures
import http.client
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from mola import BINARY, ROOT
from segment_store import EAGER, FENCE, ask_all, copy, fsck, index_once, must_index, objects, row, run, serve, write, \
    write_batch

SHIM = os.environ.get("KILL_SWEEP_SHIM", str(ROOT / "build-release/tests/api/libkill_sweep_shim.so"))
AT_ONCE = 3          # processes that work
AT_ONCE_ASLEEP = 80  # processes that mostly wait for a fence
POINTS_MAX = int(os.environ.get("KILL_SWEEP_POINTS", "80"))


class Counter:
    """The shim's counter for one process: how many calls were made, and which one is the last."""

    def __init__(self, path, at=0):
        self.path = pathlib.Path(path)
        self.path.write_bytes(bytes(8))
        self.env = {"LD_PRELOAD": SHIM, "KILL_COUNTER": str(path), "KILL_AT": str(at)}

    @property
    def calls(self):
        return int.from_bytes(self.path.read_bytes(), "little")


def spread(first, last):
    """The points to kill at: all of them, or evenly chosen ones, with the first and the last. KILL_SWEEP_POINTS=1000
    leaves none out."""
    if last - first < POINTS_MAX:
        return list(range(first, last + 1))
    return sorted({first + (last - first) * i // (POINTS_MAX - 1) for i in range(POINTS_MAX)})


def visit(points, one, killed, at_once=AT_ONCE):
    """Runs one(point) for each; it says whether the process was killed, as it must be at `killed` points at least. Not at
    all of them: how often directories are synced also depends on how young they are."""
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        outcomes = list(pool.map(one, points))
    print(f"{len(points)} points of {points[0]}..{points[-1]}, killed at {sum(outcomes)}")
    assert sum(outcomes) >= killed


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Folders of stores with their answers: `flush` has segments and a log that replaces rows of them, `merge` has
    several segments, `collect` has retired ones, old entries, orphans and a dead incarnation."""
    root = tmp_path_factory.mktemp("prepared")
    store = f"file:{root}/flush"
    server = serve(store, "--commit-window-ms", 0)
    for name, bulk in (("large", 1500), ("tiny", 20)):
        write_batch(server, name, 1, range(300), bulk)
    must_index(store)
    for name, bulk in (("large", 1500), ("tiny", 20)):
        write_batch(server, name, 2, range(200, 450), bulk)
    answers = {"flush": ask_all(server)}
    assert server.stop() == 0
    must_index(copy(root / "flush", root / "filled"))
    store = copy(root / "flush", root / "merge")
    server = serve(store, "--commit-window-ms", 0)
    must_index(store, "--merge-fan-in", 64)
    for n in range(2):
        write_batch(server, "large", 3 + n, range(100 * n, 100 * n + 150), 1500)
        must_index(store, "--merge-fan-in", 64)
    answers["merge"] = ask_all(server)
    assert server.stop() == 0
    store = copy(root / "merge", root / "collect")
    server = serve(store, "--commit-window-ms", 0)
    for n in range(70):
        write(server, "large", upsert_rows=[row(random.Random(n), 1000 + n, 20)])
    write_batch(server, "dead", 9, range(300), 1500)
    last = calls_of_index(store, root, "--merge-fan-in", 64)
    leave_orphans(store, root, last)
    must_index(store, "--merge-fan-in", 2)
    assert server.ask("DELETE", "/v2/namespaces/dead")[0] == 200
    answers["collect"] = ask_all(server)
    assert server.stop() == 0
    return root, answers


def calls_of_index(store, root, *flags):
    """(calls of the start, calls in all) of an indexer that is not killed, on a copy."""
    target = root / "counted"
    counter = Counter(root / "counter")
    status, said = index_once(copy(store.removeprefix("file:"), target), *flags, env=counter.env)
    assert status == 0, said
    calls = counter.calls
    counter = Counter(root / "counter")
    status, said = run("fsck", "--store", f"file:{target}", env=counter.env)
    assert status == 0, said
    subprocess.run(["rm", "-r", str(target)], check=True)
    return counter.calls, calls


def leave_orphans(store, root, calls):
    """Kills an indexer in the middle of its work."""
    first, last = calls
    assert index_once(store, "--merge-fan-in", 64, env=Counter(root / "counter", (first + last) // 2).env)[0] == -signal.SIGKILL


def check_survivor(store, answers, *flags):
    """Nothing is damaged, a server shows what was acknowledged, before and after the next indexer."""
    fsck(store)
    server = serve(store)
    assert ask_all(server) == answers
    must_index(store, *flags)
    assert ask_all(server) == answers
    assert server.stop() == 0
    fsck(store)


@pytest.mark.parametrize("what, flags, calls", [("flush", ["--merge-fan-in", 64], 25), ("merge", ["--merge-fan-in", 2], 10)])
def test_killed_at_each_call_of_an_indexer_nothing_is_lost(prepared, tmp_path, what, flags, calls):
    root, answers = prepared
    first, last = calls_of_index(f"file:{root}/{what}", tmp_path, *flags)

    def one(point):
        store = copy(root / what, tmp_path / str(point))
        status, said = index_once(store, *flags, env=Counter(tmp_path / f"{point}.counter", point).env)
        assert status in (0, -signal.SIGKILL), said
        check_survivor(store, answers[what], *flags)
        subprocess.run(["rm", "-r", str(tmp_path / str(point))], check=True)
        return status != 0

    visit(spread(first + 1, last), one, calls)


COLLECT = [*EAGER, "--merge-fan-in", "2", "--index-poll-ms", "200", "--sweep-seconds", "1"]
COLLECT_SECONDS = 25  # what is retired may be read for 10 fences, and is waited for twice as long


def collector(store, counter):
    return subprocess.Popen([BINARY, "index", "--store", store, *COLLECT], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            env={**os.environ, **counter.env})


def test_killed_at_each_call_of_a_collection_nothing_is_lost(prepared, tmp_path):
    root, answers = prepared
    first = calls_of_index(f"file:{root}/collect", tmp_path)[0]
    counter = Counter(tmp_path / "counter")
    store = copy(root / "collect", tmp_path / "whole")
    before = len(objects(store))
    process = collector(store, counter)
    time.sleep(COLLECT_SECONDS)
    last = counter.calls
    process.terminate()
    assert process.wait(60) == 0
    left = objects(store)
    print(f"{before} objects before, {len(left)} after")
    assert "orphans 0, young 0, collectable 0, nameless incarnations 0" in fsck(store) and len(left) < before - 70

    def one(point):
        store = copy(root / "collect", tmp_path / str(point))
        process = collector(store, Counter(tmp_path / f"{point}.counter", point))
        try:
            process.wait(COLLECT_SECONDS)
        except subprocess.TimeoutExpired:
            process.terminate()
        status = process.wait(60)
        assert status in (0, -signal.SIGKILL)
        check_survivor(store, answers["collect"], "--merge-fan-in", 2)
        subprocess.run(["rm", "-r", str(tmp_path / str(point))], check=True)
        return status != 0

    visit(spread(first + 1, last), one, 40, AT_ONCE_ASLEEP)


# ---- filling the disk cache

CACHE = ["--cache-bytes", "8M"]


def fill(store, cache, answers, wrapper):
    """Starts a server, asks all and stops it, while it may die at any moment; every answer that comes is right.
    The exit status."""
    try:
        server = serve(store, "--cache-dir", cache, *CACHE, wrapper=wrapper)
    except AssertionError:  # dead before it listened
        return -signal.SIGKILL
    try:
        assert ask_all(server) == answers
    except (OSError, http.client.HTTPException):  # however a dying server shows itself
        pass
    return server.stop()


def visit_fills(prepared, tmp_path, points, wrapper_of, killed, warm=None):
    root, answers = prepared
    store, answers = f"file:{root}/filled", answers["flush"]

    def one(point):
        cache = tmp_path / f"cache-{point}"
        warm and shutil.copytree(warm, cache)
        status = fill(store, cache, answers, wrapper_of(point))
        assert status in (0, -signal.SIGKILL)
        assert fill(store, cache, answers, ()) == 0
        return status != 0

    visit(points, one, killed)
    fsck(store)


def test_killed_at_each_call_of_a_cache_that_fills_every_answer_is_right(prepared, tmp_path):
    """Plain I/O, which the shim sees."""
    counters = {}

    def wrapper_of(point):
        counters[point] = Counter(tmp_path / f"{point}.counter", point)
        settings = ["=".join(pair) for pair in counters[point].env.items()]
        return [sys.executable, str(pathlib.Path(__file__).with_name("no_io_uring.py")), "env", *settings]

    root, answers = prepared
    counter = Counter(tmp_path / "counter")
    assert run("fsck", "--store", f"file:{root}/filled", env=counter.env)[0] == 0
    assert fill(f"file:{root}/filled", tmp_path / "whole", answers["flush"], wrapper_of(0)) == 0
    visit_fills(prepared, tmp_path, spread(counter.calls + 1, counters[0].calls), wrapper_of, 20)


def test_killed_at_each_turn_of_the_ring_every_answer_is_right(prepared, tmp_path):
    """io_uring: the n-th call of some thread to it is the last."""
    wrapper_of = lambda point: ["strace", "-D", "-f", "-q", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=io_uring_enter",
                                "-e", f"inject=io_uring_enter:signal=KILL:when={point}"]
    visit_fills(prepared, tmp_path, [1, 2, 3], wrapper_of, 1)
    warm = tmp_path / "warm"
    assert fill(f"file:{prepared[0]}/filled", warm, prepared[1]["flush"], ()) == 0
    visit_fills(prepared, tmp_path, [4, 5, 6, 7], lambda point: wrapper_of(point - 3), 1, warm)
