#!/usr/bin/env python3
"""Power cuts under the file: driver: whatever was promised is there, whole, with its etag; nothing that
was refused is there; the log has no gap. And the test itself is tested: with the fsyncs of any one
place in the driver forgotten, it must find something missing.

kill -9 cannot test this: the page cache survives it. So recorder.c writes down the real calls of the
real driver, and crash_states.py rebuilds what a power cut could leave of them.
"""

import argparse
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time

from crash_states import Recording, Symbols, read_tree


class Fail(Exception):
    pass


def record(args, directory, slow_us, processes, stores, threads, operations, seed):
    """Runs the workload under the recorder; returns the path of the log."""
    root, log = os.path.join(directory, "root"), os.path.join(directory, "log")
    os.mkdir(root)
    environment = dict(os.environ, MOLA_RECORD_ROOT=root, MOLA_RECORD_LOG=log,
                       MOLA_RECORD_SLOW_US=str(slow_us), LD_PRELOAD=args.recorder)
    url = "file:" + os.path.join(root, "store")
    command = [args.exerciser, "work", url, log, str(seed), str(stores), str(threads), str(operations)]
    running = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(processes)]
    for process in running:
        out, _ = process.communicate(timeout=120)
        if process.returncode != 0 or out:
            raise Fail(f"the workload ended with {process.returncode}: {out.decode()}")
    return log


class Looker:
    """store_exerciser look: one process for all states."""

    def __init__(self, args):
        self.process = subprocess.Popen([args.exerciser, "look"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def look(self, directory):
        """{key: (tag, version, id)} or raises Fail."""
        self.process.stdin.write(f"file:{directory}\n")
        self.process.stdin.flush()
        objects = {}
        for line in self.process.stdout:
            words = line.split()
            if words == ["."]:
                return objects
            if words[0] == "FAILED" or words[1] == "DAMAGED":
                raise Fail(line.strip())
            version, identity = words[2].split(":")
            objects[words[0]] = (words[1], int(version), identity)
        raise Fail("the store process died")

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=30)


def judge(objects, promises):
    """Raises Fail when a promise is broken."""
    least, exists, refused, tags, bodies = {}, set(), {}, {}, {}
    for words in promises:
        key = words[0]
        if key.startswith("!"):
            refused[words[1].split(":")[1]] = key[1:]
        elif key.startswith("-"):
            least.pop(key[1:], None)
            exists.discard(key[1:])
        else:
            exists.add(key)
            if len(words) == 3:
                version, identity = int(words[2].split(":")[0]), words[2].split(":")[1]
                least[key] = max(least.get(key, 0), version)
                tags[(key, version, identity)] = words[1]
                if bodies.setdefault((key, version), identity) != identity:
                    raise Fail(f"{key} had two winners for version {version}")
    for key in exists:
        if key not in objects:
            raise Fail(f"{key} was promised and is gone")
    for key, version in least.items():
        if objects[key][1] < version:
            raise Fail(f"{key} was promised as version {version} and is {objects[key][1]}")
    for key, (tag, version, identity) in objects.items():
        if identity in refused:
            raise Fail(f"{key} has a body whose put was refused")
        if tags.get((key, version, identity), tag) != tag:
            raise Fail(f"{key} has another etag than promised")
        if bodies.get((key, version), identity) != identity:
            raise Fail(f"{key} has another body than promised for version {version}")
    slots = sorted(key for key in objects if key.startswith("log/"))
    for n, key in enumerate(slots, 1):
        if int(key[4:], 16) != n:
            raise Fail(f"the log has a gap: {key} follows {n - 1} slots")


def check_states(args, recording, looker, **how):
    """The first state that breaks a promise, as (state, words), or None; and how many were looked at."""
    count = 0
    base = os.path.join(args.scratch, "state")
    for state in recording.states(seed=args.seed, **how):
        count += 1
        shutil.rmtree(base, ignore_errors=True)
        state.build(base)
        promises = list(state.promises)
        try:
            if promises or os.path.isdir(os.path.join(base, "store")):
                judge(looker.look(os.path.join(base, "store")), promises)
        except Fail as words:
            return (state, str(words)), count
    return None, count


def site_name(stack):
    """Which fsync in the code: the functions of the driver that led to it, innermost first."""
    return " < ".join(f.replace("mola_file_", "") for f in stack[:3])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exerciser", required=True)
    parser.add_argument("--recorder", required=True)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "little"))
    parser.add_argument("--states", type=int, default=600, help="states to look at for each recording")
    parser.add_argument("--states-only", action="store_true", help="do not test the test")
    parser.add_argument("--patience", type=int, default=120, help="seconds to search for rare losses")
    args = parser.parse_args()
    shared = "/dev/shm" if os.path.isdir("/dev/shm") else None
    symbols, failed = Symbols([args.exerciser]), False
    print(f"seed {args.seed}")
    with tempfile.TemporaryDirectory() as work, tempfile.TemporaryDirectory(dir=shared) as scratch:
        args.scratch = scratch
        runs = [
            ("one store, 4 threads", dict(slow_us=500, processes=1, stores=1, threads=4, operations=40)),
            ("two stores of one process", dict(slow_us=3000, processes=1, stores=2, threads=3, operations=30)),
            ("two processes", dict(slow_us=3000, processes=2, stores=1, threads=3, operations=30)),
        ]
        logs = []
        for number, (title, shape) in enumerate(runs):
            directory = os.path.join(work, str(number))
            os.mkdir(directory)
            log = record(args, directory, seed=args.seed + number, **shape)
            recording = Recording(log)
            if recording.all_kept().tree() != read_tree(os.path.join(directory, "root")):
                raise Fail("the recording is not what happened: a call was missed")
            looker = Looker(args)
            broken, count = check_states(args, recording, looker, limit=args.states)
            looker.close()
            print(f"{title}: {recording.changes} changes, {len(recording.promises)} promises, "
                  f"{count} states: {'BROKEN' if broken else 'all kept'}")
            if broken:
                failed = True
                print(f"  {broken[1]}\n  {broken[0]}\n  log kept at {keep(log)}")
            logs.append(log)
        if not args.states_only:
            failed |= not check_the_check(args, work, logs, symbols)
    sys.exit(1 if failed else 0)


def keep(log):
    path = os.path.join(tempfile.gettempdir(), "mola-broken-recording.log")
    shutil.copyfile(log, path)
    return path


def find_loss(args, log, forget):
    """What goes wrong in any state when these fsyncs had not been made: (state, words) or None."""
    looker = Looker(args)
    broken, _ = check_states(args, Recording(log, forget=forget), looker, limit=10**6, per_cut=2)
    looker.close()
    return broken


def check_the_check(args, work, logs, symbols):
    """Forgets the fsyncs of one place in the code after the other: each must be missed. Some are needed
    only where two writers meet at the wrong moment: more is recorded until they have, for a while."""
    end, found, missing = time.monotonic() + args.patience, {}, set()
    for number in itertools.count(len(logs)):
        for log in logs:
            names = {}
            for callers in Recording(log).sites:
                names.setdefault(site_name(symbols.stack(callers)), set()).add(callers)
            missing |= set(names) - set(found)
            for name in sorted(missing & set(names)):
                broken = find_loss(args, log, names[name].__contains__)
                if broken:
                    found[name] = broken
                    missing.remove(name)
                    print(f"without fsync in {name}: {broken[1]}", flush=True)
        if not missing or time.monotonic() > end:
            break
        directory = os.path.join(work, str(number))
        os.mkdir(directory)
        logs = [record(args, directory, seed=args.seed + number, slow_us=4000, processes=2, stores=1,
                       threads=4, operations=40)]
    for name in sorted(missing):
        print(f"without fsync in {name}: NOTHING WAS MISSED")
    return not missing


if __name__ == "__main__":
    try:
        main()
    except Fail as words:
        print(f"failed: {words}")
        sys.exit(1)
