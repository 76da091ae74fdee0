#!/usr/bin/env python3
"""Failing system calls under the file: driver: each outcome says what is true.

strace makes every call of a scripted run fail, one run for each call. An error before an object has its
name is UNAVAILABLE and leaves nothing; after it, UNKNOWN; a directory whose fsync failed once takes
nothing more; a read that fails is never NOT_FOUND. What was promised is there afterwards, what was
refused is not. Then the same without a script: many threads, every few calls an error; and a file size
limit, which makes real half-written files.
"""

import argparse
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from check_crash_states import Fail, Looker, judge

ERRORS = {
    "fsync": ["EIO"],
    "pwrite64": ["ENOSPC", "EIO"],
    "linkat": ["ENOSPC", "EIO"],
    "renameat": ["ENOSPC", "EIO"],
    "renameat2": ["ENOSPC", "EIO"],
    "mkdirat": ["ENOSPC"],
    "openat": ["EMFILE"],
    "newfstatat": ["EIO"],
    "fstat": ["EIO"],
    "pread64": ["EIO"],
    "getdents64": ["EIO"],
    "fcntl": ["ENOLCK"],
    "unlinkat": ["EACCES", "EIO"],
}
PUTS = ("new", "put", "match")
MISSED = "the call did not come"


class Step:
    def __init__(self, verb, key, outcome, lines):
        self.verb, self.key, self.outcome, self.lines = verb, key, outcome, lines

    @property
    def directory(self):
        return self.key.rpartition("/")[0]


def run_script(args, root, inject=None):
    """Runs the script in an empty place; returns its steps with the system calls of each."""
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root)
    trace, store = os.path.join(root, "trace"), os.path.join(root, "store")
    command = ["strace", "-f", "-y", "-s", "100", "-o", trace,
               "-e", "trace=write," + ",".join(ERRORS)]
    if inject:
        command += ["-e", "inject=" + inject]
    command += [args.exerciser, "script", "file:" + store, os.path.join(root, "promises")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise Fail(f"{inject}: exit status {done.returncode}: {done.stderr}")
    outcomes, steps, lines = done.stdout.splitlines(), [], []
    with open(trace, encoding="utf-8", errors="replace") as file:
        for line in file:
            if re.search(r" write\(1<", line):
                _, verb, key, outcome = outcomes[len(steps)].split()
                steps.append(Step(verb, key, outcome, lines))
                lines = []
            else:
                lines.append(line)
    return steps


def read_promises(root):
    with open(os.path.join(root, "promises"), encoding="ascii") as file:
        return [line.split()[1:] for line in file]


def has_name(lines):
    """Has an object got its name by these calls?"""
    return any(re.search(r" (linkat|renameat2?)\(.*/store/o[/>].* = 0$", line) for line in lines)


def expected(step, clean, line, error):
    """The outcomes that are true when this call of this step has failed."""
    name = re.search(r"^\d+ +(\w+)\(", line).group(1)
    before = step.lines[: step.lines.index(line)]
    if step.verb in ("open", "reopen"):
        return {"ok", "invalid", "unavailable"}
    if name == "unlinkat" and "/store/tmp>" in line:
        return {clean.outcome}  # a temporary that stays
    if name == "fcntl" and "F_UNLCK" in line:
        return {clean.outcome}
    if step.verb in PUTS and (has_name(before) or (name.startswith(("link", "rename")) and error == "EIO")):
        return {"unknown"}
    if step.verb == "delete" and name == "unlinkat" and error == "EIO":
        return {"unknown"}
    return {"unavailable"}


def check_one(args, root, clean, name, ordinal, error, looker):
    """Makes one call fail. Returns a description of what was wrong, or None, or MISSED."""
    what = f"{name} number {ordinal} failing with {error}"
    steps = run_script(args, root, f"{name}:error={error}:when={ordinal}")
    hit = next(((i, line) for i, s in enumerate(steps) for line in s.lines if "INJECTED" in line), None)
    if not hit:
        return MISSED
    at, line = hit
    for step, its_clean in zip(steps[:at], clean):
        if step.outcome != its_clean.outcome:
            return f"{what}: {step.verb} {step.key} before it was {step.outcome}"
    step = steps[at]
    allowed = expected(step, clean[at], line, error)
    if step.outcome not in allowed:
        return f"{what}: step {at} {step.verb} {step.key} was {step.outcome}, expected {allowed}: {line.strip()}"
    if name == "fsync" and step.verb in PUTS and step.outcome == "unknown":
        for later in steps[at + 1 :]:
            if later.verb == "reopen":
                break
            beside = later.verb in PUTS and later.directory == step.directory
            # A conflict speaks of an object that was durable before.
            if beside and later.outcome not in ("unavailable", "conflict"):
                return f"{what}: then {later.verb} {later.key} in the same directory was {later.outcome}"
    try:
        judge(looker.look(os.path.join(root, "store")), read_promises(root))
    except Fail as words:
        return f"{what}: {words}"
    return None


def script_calls(clean, store):
    """(name, ordinal) of every call that the script makes on the store in this directory."""
    counts = {}
    for step in clean:
        for line in step.lines:
            found = re.search(r"^\d+ +(\w+)\(", line)
            if not found or found.group(1) not in ERRORS:
                continue
            name = found.group(1)
            counts[name] = counts.get(name, 0) + 1
            # 64 locks are opened and asked for at each start: the first stands for all.
            alike = re.search(r"/store/lock>, \"(?!00)|F_OFD_GETLK|F_DUPFD", line)
            if store in line and not alike:
                yield name, counts[name]


def check_script(args, root):
    clean = run_script(args, root + "-clean")
    store = os.path.join(root + "-clean", "store")
    if [s.outcome for s in clean if s.verb == "reopen"] != ["ok"] * 4:
        raise Fail("the script does not run without faults")
    for step in clean:
        if step.verb == "get" and step.outcome == "not_found" and len(step.lines) != 1:
            raise Fail("a GET of a missing key made more than one system call: " + "".join(step.lines))
    jobs = [(name, ordinal, error) for name, ordinal in script_calls(clean, store) for error in ERRORS[name]]
    lanes = 4

    def lane(number):
        looker, found = Looker(args), []
        for name, ordinal, error in jobs[number::lanes]:
            found.append(check_one(args, f"{root}-{number}", clean, name, ordinal, error, looker))
        looker.close()
        return found

    with ThreadPoolExecutor(lanes) as pool:
        found = [words for result in pool.map(lane, range(lanes)) for words in result]
    missed = found.count(MISSED)
    wrong = [words for words in found if words and words != MISSED]
    print(f"one failing call: {len(jobs)} runs, {missed} without a fault, {len(wrong)} wrong")
    for words in wrong[:20]:
        print("  " + words)
    return not wrong and missed * 10 < len(jobs)


def check_work(args, root, seed):
    """Threads, and every few calls an error."""
    ok = True
    for inject in ("fsync:error=EIO:when=60+37", "linkat,renameat,mkdirat:error=ENOSPC:when=30+5",
                   "pwrite64:error=ENOSPC:when=20+7", "openat:error=EMFILE:when=150+23",
                   "pread64:error=EIO:when=40+11", "fcntl:error=ENOLCK:when=100+9"):
        shutil.rmtree(root, ignore_errors=True)
        os.makedirs(root)
        promises = os.path.join(root, "promises")
        command = ["strace", "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", "inject=" + inject,
                   args.exerciser, "work", "file:" + os.path.join(root, "store"), promises, str(seed),
                   "1", "4", "60"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        looker = Looker(args)
        try:
            if done.returncode != 0 or done.stdout:
                raise Fail(f"exit status {done.returncode}: {done.stdout}{done.stderr}")
            made = read_promises(root)
            judge(looker.look(os.path.join(root, "store")), made)
            refused = sum(words[0].startswith("!") for words in made)
            print(f"{inject}: {len(made) - refused} promises kept, {refused} puts refused")
            if refused == 0 and not inject.startswith("pread64"):
                raise Fail("no put met a fault: this test tests nothing")
        except Fail as words:
            ok = False
            print(f"{inject}: {words}")
        looker.close()
    return ok


def check_without_links(args, root, seed):
    """A file system without hard links: renameat2 creates instead; one with neither is refused."""
    def run(*injected):
        shutil.rmtree(root, ignore_errors=True)
        os.makedirs(root)
        command = ["strace", "-f", "--seccomp-bpf", "-o", "/dev/null"]
        for inject in injected:
            command += ["-e", "inject=" + inject]
        command += [args.exerciser, "work", "file:" + os.path.join(root, "store"),
                    os.path.join(root, "promises"), str(seed), "2", "4", "60"]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    looker = Looker(args)
    try:
        done = run("linkat:error=EPERM")
        if done.returncode != 0 or done.stdout:
            raise Fail(f"exit status {done.returncode}: {done.stdout}{done.stderr}")
        made = read_promises(root)
        judge(looker.look(os.path.join(root, "store")), made)
        if not any(words[0].startswith("log/") and len(words) == 3 for words in made):
            raise Fail("nothing was written")
        print(f"without hard links: {len(made)} promises kept")
        done = run("linkat:error=EPERM", "renameat2:error=EINVAL")
        if done.returncode != 3 or "hard links" not in done.stderr:
            raise Fail(f"neither is available, and it starts: {done.returncode} {done.stderr}")
        done = run("linkat:error=EPERM", "renameat2:retval=0")
        if done.returncode != 3 or "hard links" not in done.stderr:
            raise Fail(f"RENAME_NOREPLACE is ignored, and it starts: {done.returncode} {done.stderr}")
    except Fail as words:
        print(f"without hard links: {words}")
        return False
    finally:
        looker.close()
    return True


def check_kills(args, root, seed):
    """Processes that are killed at any instruction, while others work on: locks come back, nothing is
    half there. (What a power cut takes, a kill does not: that is check_crash_states.py.)"""
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root)
    chance, promises = random.Random(seed), os.path.join(root, "promises")
    command = [args.exerciser, "work", "file:" + os.path.join(root, "store"), promises, str(seed), "1", "3"]
    survivor = subprocess.Popen(command + ["300"], stdout=subprocess.PIPE)
    kills = 0
    for _ in range(25):
        victim = subprocess.Popen(command + ["1000000"], stdout=subprocess.PIPE)
        try:
            victim.wait(timeout=chance.uniform(0.01, 0.12))
        except subprocess.TimeoutExpired:
            victim.kill()
            kills += 1
        if victim.communicate()[0]:
            print("kills: a victim saw something damaged")
            return False
    looker = Looker(args)
    try:
        out, _ = survivor.communicate(timeout=120)
        if survivor.returncode != 0 or out:
            raise Fail(f"the survivor ended with {survivor.returncode}: {out.decode()}")
        # A line that the kill has cut short is not there: they are written in one piece.
        made = read_promises(root)
        judge(looker.look(os.path.join(root, "store")), made)
        print(f"{kills} kills: {len(made)} promises kept")
        return kills > 0
    except Fail as words:
        print(f"kills: {words}")
        return False
    finally:
        looker.close()


def check_file_size_limit(args, root, seed):
    """The kernel writes the first 4,096 bytes of a larger object and then no more."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root)
    read_end, write_end = os.pipe()  # a file of promises would meet the limit, too
    command = [args.exerciser, "work", "file:" + os.path.join(root, "store"), f"/dev/fd/{write_end}",
               str(seed), "1", "4", "60"]
    running = subprocess.Popen(command, preexec_fn=limit, pass_fds=[write_end], stdout=subprocess.DEVNULL)
    os.close(write_end)
    with os.fdopen(read_end, encoding="ascii") as file:
        made = [line.split()[1:] for line in file]
    looker = Looker(args)
    try:
        if running.wait(timeout=60) != 0:
            raise Fail(f"exit status {running.returncode}")
        judge(looker.look(os.path.join(root, "store")), made)
        if os.listdir(os.path.join(root, "store", "tmp")):
            raise Fail("half-written temporaries were left")
    except Fail as words:
        print(f"file size limit: {words}")
        return False
    finally:
        looker.close()
    print(f"file size limit: {len(made)} promises kept")
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exerciser", required=True)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "little"))
    args = parser.parse_args()
    print(f"seed {args.seed}")
    with tempfile.TemporaryDirectory() as work:
        ok = check_script(args, os.path.join(work, "script"))
        ok &= check_work(args, os.path.join(work, "work"), args.seed)
        ok &= check_without_links(args, os.path.join(work, "links"), args.seed)
        ok &= check_kills(args, os.path.join(work, "kills"), args.seed)
        ok &= check_file_size_limit(args, os.path.join(work, "limit"), args.seed)
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    try:
        main()
    except Fail as words:
        print(f"failed: {words}")
        sys.exit(1)
