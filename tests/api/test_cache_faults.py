"""Whatever happens to the disk cache, every query is answered, and rightly."""
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time

import pytest
from segment_store import ask_all, copy, fsck, must_index, serve, write_batch

CACHE = ["--cache-bytes", "8M"]
PLAIN = [sys.executable, str(pathlib.Path(__file__).with_name("no_io_uring.py"))]
WAIT_SECONDS = 30


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """(a store with two namespaces in segments with keys of their own, the answers before they were indexed)"""
    root = tmp_path_factory.mktemp("prepared")
    store = f"file:{root}/data"
    server = serve(store)
    for n, name in enumerate(("one", "two")):
        write_batch(server, name, n, range(600), 2000)
    answers = ask_all(server)
    assert server.stop() == 0
    must_index(store)
    return store, answers


def check(prepared, server, rounds=2):
    store, answers = prepared
    for _ in range(rounds):
        assert ask_all(server) == answers
    assert server.process.poll() is None


def filled(prepared, cache):
    """A cache directory with something in it."""
    server = serve(prepared[0], "--cache-dir", cache, *CACHE)
    check(prepared, server)
    wait_for(lambda: server.metrics()["mola_cache_disk_bytes"] > 500_000)
    assert server.stop() == 0


def wait_for(condition):
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def strace(log, *words):
    """A wrapper that lets the server be our own child."""
    return ["strace", "-D", "-f", "-q", "--seccomp-bpf", "-o", log, *words]


def injected(log):
    return pathlib.Path(log).read_text().count("(INJECTED)")


def test_a_warm_cache_is_used_after_a_restart(prepared, tmp_path):
    filled(prepared, tmp_path / "cache")
    server = serve(prepared[0], "--cache-dir", tmp_path / "cache", *CACHE)
    check(prepared, server)
    seen = server.metrics()
    assert seen["mola_cache_disk_hits_total"] > 0 and seen["mola_cache_disk_errors_total"] == 0
    assert server.stop() == 0


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("calls, error", [
    ("fallocate", "ENOSPC"), ("fallocate", "EOPNOTSUPP"), ("fallocate", "EIO"), ("ftruncate", "ENOSPC"),
    ("io_uring_setup", "EPERM"), ("io_uring_setup", "ENOSYS"), ("io_uring_register", "ENOMEM"),
    ("io_uring_enter", "EIO"), ("io_uring_enter", "EAGAIN"), ("io_uring_enter", "EBADF")])
def test_a_refused_call_costs_no_answer(prepared, tmp_path, calls, error, warm):
    cache, log = tmp_path / "cache", tmp_path / "log"
    if warm:
        filled(prepared, cache)
    server = serve(prepared[0], "--cache-dir", cache, *CACHE,
                   wrapper=strace(log, "-e", f"trace={calls}", "-e", f"inject={calls}:error={error}"))
    check(prepared, server)
    assert server.stop() == 0
    assert injected(log) > 0 or (warm and calls in ("fallocate", "ftruncate"))


@pytest.mark.parametrize("when", ["1+", "3+", "6+2"])
@pytest.mark.parametrize("calls, error, warm", [
    ("pwrite64", "ENOSPC", False), ("pwrite64", "EIO", False), ("pread64", "EIO", True), ("pread64,pwrite64", "EIO", True),
    ("openat", "EACCES", True), ("openat", "EINVAL", False), ("flock,fcntl", "EAGAIN", True)])
def test_without_io_uring_a_failing_file_costs_no_answer(prepared, tmp_path, calls, error, warm, when):
    """Only calls about the cache's file or folder fail: all, or from the n-th of a thread on, or every other one."""
    cache, log = tmp_path / "cache", tmp_path / "log"
    if warm:
        filled(prepared, cache)
    cache.mkdir(exist_ok=True)
    server = serve(prepared[0], "--cache-dir", cache, *CACHE,
                   wrapper=strace(log, "-P", str(cache), "-P", str(cache / "mola.cache"), "-e", f"trace={calls}",
                                  "-e", f"inject={calls}:error={error}:when={when}") + PLAIN)
    check(prepared, server)
    assert server.stop() == 0
    assert injected(log) > 0 or (when != "1+" and calls in ("openat", "flock,fcntl"))


@pytest.mark.parametrize("uring", [True, False], ids=["uring", "plain"])
@pytest.mark.parametrize("deed", ["removed", "emptied", "shortened", "scribbled over", "replaced", "unwritable"])
def test_the_cache_may_be_taken_away_while_it_is_used(prepared, tmp_path, deed, uring):
    cache = tmp_path / "cache"
    filled(prepared, cache)
    server = serve(prepared[0], "--cache-dir", cache, *CACHE, wrapper=[] if uring else PLAIN)
    file = cache / "mola.cache"
    if deed == "removed":
        shutil.rmtree(cache)
    elif deed in ("emptied", "shortened"):
        os.truncate(file, 0 if deed == "emptied" else 70_000)
    elif deed == "scribbled over":
        chance = random.Random(3)
        with open(file, "r+b") as out:
            for at in range(0, file.stat().st_size, 4096):
                out.seek(at + chance.randrange(4096))
                out.write(chance.randbytes(1))
    elif deed == "replaced":
        file.unlink()
        file.write_bytes(b"another file" * 10000)
    else:
        cache.chmod(0)
    check(prepared, server)
    assert bool(server.metrics()["mola_cache_disk_errors_total"]) == (deed in ("emptied", "shortened", "scribbled over"))
    cache.exists() and cache.chmod(0o700)
    assert server.stop() == 0
    server.start()  # finds what is left
    check(prepared, server)
    assert server.stop() == 0


@pytest.mark.parametrize("size", ["1M", "6M"])
def test_a_tiny_tmpfs_as_cache(prepared, tmp_path, size):
    cache = tmp_path / "cache"
    cache.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "mola-cache-test", cache], check=True)
    try:
        for others in (0, 0, 800_000):
            if others:
                (cache / "mola.cache").unlink()
                (cache / "other").write_bytes(bytes(others))
            server = serve(prepared[0], "--cache-dir", cache, *CACHE)
            check(prepared, server)
            assert server.stop() == 0
    finally:
        subprocess.run(["umount", "-l", cache], check=True)


def test_damage_at_rest_is_met_by_checks_not_by_answers(prepared, tmp_path):
    cache = tmp_path / "cache"
    filled(prepared, cache)
    file, chance = cache / "mola.cache", random.Random(4)
    whole = file.read_bytes()
    for n in range(12):
        damaged = bytearray(whole)
        if n % 3 == 0:
            del damaged[chance.randrange(len(damaged)):]
        elif n % 3 == 1:
            for _ in range(200):
                damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        else:
            for at in range(0, len(damaged), 4096):
                damaged[at + chance.randrange(4096)] ^= 1 << chance.randrange(8)
        file.write_bytes(damaged)
        server = serve(prepared[0], "--cache-dir", cache, *CACHE)
        check(prepared, server, 1)
        assert server.stop() == 0


def test_io_uring_is_used_where_it_may_be(prepared, tmp_path):
    for wrapper, io in (([], "io=uring"), (PLAIN, "io=plain")):
        server = serve(prepared[0], "--cache-dir", tmp_path / "cache", *CACHE, wrapper=wrapper)
        assert io in server.wait_for_line("cache_open", WAIT_SECONDS)
        check(prepared, server)
        assert server.stop() == 0


def test_two_servers_do_not_share_one_cache(prepared, tmp_path):
    servers = [serve(prepared[0], "--cache-dir", tmp_path / "cache", *CACHE) for _ in range(2)]
    for server in servers:
        check(prepared, server)
        assert server.stop() == 0
    fsck(prepared[0])
