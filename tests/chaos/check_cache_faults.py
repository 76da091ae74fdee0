#!/usr/bin/env python3
"""The disk cache on disks that are full, small, read-only, failing, cut short or taken away, and in processes
that are killed: no request fails and no byte is wrong, whatever happens; and what can still be cached is.

strace makes system calls fail. Calls that go through a ring are out of its reach: there it is the ring that
fails; calls that fail inside of one are in tests/unit/store/check_cache_damage.c.
"""

import argparse
import ctypes
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

MIB = 1 << 20
FILE_BYTES = 6 * MIB  # less than the objects are
PAGE = 4096


class Fail(Exception):
    pass


class Run:
    """One run of the exerciser: what it counted and what it logged."""

    def __init__(self, done):
        if done.returncode != 0:
            raise Fail(f"exit status {done.returncode}: {done.stdout}{done.stderr}")
        self.log, self.out = done.stderr, done.stdout
        self.without = re.search(r"^without: (.*)$", done.stdout, re.M)
        self.counted = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", done.stdout)}
        opened = re.search(r" cache_open room=(\d+) held=(\d+) io=(\w+)", done.stderr)
        self.kept = int(opened.group(2)) if opened else 0
        self.io = opened.group(3) if opened else None
        self.warnings = len(re.findall(r" cache_disabled ", done.stderr))
        if self.warnings != self.counted["disabled"]:
            raise Fail(f"{self.warnings} warnings, {self.out}{self.log}")

    def __getattr__(self, name):
        return self.counted[name]

    def want(self, condition, what):
        if not condition:
            raise Fail(f"{what}: {self.out}{self.log}")


class Bench:
    def __init__(self, exerciser, root, seed):
        self.exerciser, self.root, self.random = exerciser, root, random.Random(seed)
        self.directory = os.path.join(root, "cache")
        self.file = os.path.join(self.directory, "mola.cache")

    def command(self, io="uring", bytes=FILE_BYTES, threads=4, batches=150):
        return [self.exerciser, self.directory, str(bytes), io, str(self.random.randrange(1 << 30)), str(threads),
                str(batches)]

    def run(self, *inject, mount=None, fresh=True, **how):
        """In an empty directory unless told otherwise, or on a tmpfs mounted with these options."""
        if fresh:
            shutil.rmtree(self.directory, ignore_errors=True)
        os.makedirs(self.directory, exist_ok=True)
        command = self.command(**how)
        if inject:
            calls = ",".join(one.partition(":")[0] for one in inject)
            strace = ["strace", "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=" + calls]
            command = strace + [word for one in inject for word in ("-e", "inject=" + one)] + command
        if mount:
            script = 'mount -t tmpfs -o "$1" none "$2" && shift 2 && exec "$@"'
            command = ["unshare", "-rm", "sh", "-c", script, "sh", mount, self.directory] + command
        return Run(subprocess.run(command, capture_output=True, text=True, timeout=120))


def ring_allowed():
    """May processes here have a ring at all?"""
    params = ctypes.create_string_buffer(120)
    fd = ctypes.CDLL(None, use_errno=True).syscall(425, 8, params)
    if fd >= 0:
        os.close(fd)
    return fd >= 0


# --- Without faults, and without a ring ---


def check_clean(bench):
    first = bench.run()
    first.want(first.hits > 0 and first.misses > 0 and first.errors == 0, "a clean run")
    first.want(first.io == ("uring" if ring_allowed() else "plain"), "the ring is used where there is one")
    again = bench.run(fresh=False)
    again.want(again.kept > MIB and again.hits > first.hits // 2 and again.errors == 0, "a second start")
    plain = bench.run(io="plain", fresh=False)
    plain.want(plain.io == "plain" and plain.kept > MIB and plain.errors == 0, "plain I/O")


def check_no_ring(bench):
    for error in ("EPERM", "ENOSYS", "ENOMEM"):
        run = bench.run(f"io_uring_setup:error={error}")
        run.want(run.io == "plain" and run.hits > 0 and run.errors == 0, f"io_uring_setup: {error}")


def check_failing_ring(bench):
    if not ring_allowed():
        return
    run = bench.run("io_uring_setup:error=EINVAL:when=1+2")
    run.want(run.io == "uring" and run.hits > 0 and run.errors == 0, "a kernel without a flag of ours")
    run = bench.run("io_uring_register:error=ENOMEM")
    run.want(run.io == "uring" and run.hits > 0 and run.errors == 0, "buffers that cannot be registered")
    for when in ("1", "3+", "40+7"):
        run = bench.run(f"io_uring_enter:error=EIO:when={when}")
        run.want(run.hits > 0 and run.disabled == 0, f"io_uring_enter failing, {when}")
    run = bench.run("io_uring_enter:error=EINTR:when=1+3")
    run.want(run.hits > 0 and run.errors == 0, "io_uring_enter interrupted")


# --- Calls that fail ---


def check_calls(bench):
    for call in ("pread64", "pwrite64"):
        for error in ("EIO", "ENOSPC"):
            run = bench.run(f"{call}:error={error}:when=30+5", io="plain")
            run.want(run.errors > 0 and run.hits > 0, f"{call} failing now and then")
            run = bench.run(f"{call}:error={error}:when=30+", io="plain")
            run.want(run.disabled == 1 and run.room == 0 and run.errors >= 8, f"{call} failing always")
        run = bench.run(f"{call}:error=EINTR:when=30+3", io="plain")
        run.want(run.hits > 0 and run.errors == 0, f"{call} interrupted")
    run = bench.run("pwrite64:error=EIO", io="plain")
    run.want(run.without, "a header that cannot be written")
    run = bench.run("pwrite64:retval=100:when=20+", io="plain")
    run.want(run.misses > 0, "writes that stop early and are lost")


def check_opening(bench):
    for inject in ("fcntl:error=ENOLCK", "fallocate:error=EIO", "fallocate:error=ENOSPC", "ftruncate:error=EIO"):
        run = bench.run(inject)
        run.want(run.without and run.hits == 0, inject)
    run = bench.run("fallocate:error=ENOSPC:when=1")
    run.want(MIB < run.room < FILE_BYTES * 4 // 5 and run.hits > 0, "room for less")
    again = bench.run(fresh=False)
    again.want(again.kept > 0 and again.room == run.room, "a smaller file is kept")
    run = bench.run("fallocate:error=EOPNOTSUPP")
    run.want(run.room > FILE_BYTES * 4 // 5 and run.hits > 0, "no fallocate")


def check_small_disks(bench):
    run = bench.run(mount="size=1m")
    run.want(0 < run.room < MIB and run.hits > 0 and run.errors == 0, "a disk of 1 MiB")
    run = bench.run(mount="size=200k")
    run.want(run.without, "a disk of 200 KiB")
    run = bench.run(mount="size=1m,ro")
    run.want(run.without, "a read-only disk")
    # Room that turns out not to be there: the writes meet the end of the disk.
    for io in ("plain", "uring"):
        run = bench.run("fallocate:error=EOPNOTSUPP", mount="size=1m", io=io)
        run.want(run.errors > 0, "a disk that is full before the file is")


# --- The file while it is used ---


def in_the_middle(bench, act, **how):
    """Calls act() a few times while the exerciser works."""
    shutil.rmtree(bench.directory, ignore_errors=True)
    os.makedirs(bench.directory)
    process = subprocess.Popen(bench.command(**how), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    acts = 0
    while process.poll() is None:
        time.sleep(bench.random.uniform(0.005, 0.03))
        if os.path.exists(bench.file):
            act()
            acts += 1
    out, log = process.communicate()
    run = Run(subprocess.CompletedProcess(process.args, process.returncode, out, log))
    run.want(acts > 0, "it ended before anything was done to it")
    return run


def check_taken_away(bench):
    run = in_the_middle(bench, lambda: shutil.rmtree(bench.directory))
    run.want(run.hits > 0 and run.errors == 0, "a removed directory")
    run = in_the_middle(bench, lambda: os.truncate(bench.file, bench.random.randrange(FILE_BYTES)), batches=400)
    run.want(run.hits > 0, "a file that is cut again and again")

    def scribble():
        with open(bench.file, "r+b") as file:
            file.seek(bench.random.randrange(FILE_BYTES - MIB))
            file.write(bench.random.randbytes(bench.random.randrange(MIB)))

    run = in_the_middle(bench, scribble, batches=400)
    run.want(run.hits > 0 and run.errors > 0, "a file that is overwritten again and again")


def check_two_processes(bench):
    first = []

    def second():
        if not first:
            first.append(bench.run(fresh=False))

    run = in_the_middle(bench, second, batches=600)
    run.want(run.hits > 0 and run.errors == 0, "the first of two processes")
    first[0].want(first[0].without and "another process" in first[0].out, "the second of two processes")


# --- Processes that are killed, machines that are switched off ---


def mix(bench, before):
    """What a power cut may leave: any page as it is, or as it was before."""
    with open(bench.file, "r+b") as file:
        for at in range(0, min(len(before), os.path.getsize(bench.file)), PAGE):
            if bench.random.random() < 0.4:
                file.seek(at)
                file.write(before[at:at + PAGE])


def check_kills(bench):
    shutil.rmtree(bench.directory, ignore_errors=True)
    kept = errors = 0
    for number in range(30):
        io = bench.random.choice(["plain", "uring"])
        before = b""
        if os.path.exists(bench.file):
            with open(bench.file, "rb") as file:
                before = file.read()
        process = subprocess.Popen(bench.command(io=io, batches=0), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        head = process.stderr.readline()  # cache_open
        time.sleep(bench.random.uniform(0.0, 0.15))
        process.send_signal(signal.SIGKILL)
        rest = process.communicate()[1]
        if process.returncode != -signal.SIGKILL:
            raise Fail(f"exit status {process.returncode}: {head}{rest}")
        if number % 2 and before:
            mix(bench, before)
        run = bench.run(fresh=False, batches=20, io=io)
        kept += run.kept > 0
        errors += run.errors
    if kept < 10 or errors == 0:
        raise Fail(f"contents were found after {kept} of 30 kills, {errors} damaged pages: this tests nothing")
    print(f"kills: contents after {kept} of 30, {errors} damaged pages were refused")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--exerciser", required=True)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--only", help="the name of one check")
    args = parser.parse_args()
    print(f"seed {args.seed}")
    checks = (check_clean, check_no_ring, check_failing_ring, check_calls, check_opening, check_small_disks,
              check_taken_away, check_two_processes, check_kills)
    failed = 0
    for check in checks:
        name = check.__name__.removeprefix("check_")
        if args.only and args.only != name:
            continue
        with tempfile.TemporaryDirectory(prefix="mola-cache-") as root:
            start = time.monotonic()
            try:
                check(Bench(os.path.abspath(args.exerciser), root, args.seed))
                print(f"{name}: ok, {time.monotonic() - start:.1f} s", flush=True)
            except Fail as words:
                failed += 1
                print(f"{name}: {words}", flush=True)
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
