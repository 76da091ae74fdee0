#!/usr/bin/env python3
"""Runs the simulator on all CPUs and fails when a seed violates a promise or a probe stays unreached.

usage: run.py SIMULATOR --count N --source ROOT [--from S]

A probe is a MOLA_SOMETIMES(name) of src/namespace and src/write: a rare path that nobody has tested until it was walked.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys


def declared_probes(root):
    names = set()
    for folder in ("src/namespace", "src/write"):
        for path in pathlib.Path(root, folder).glob("*.c"):
            names |= set(re.findall(r"MOLA_SOMETIMES\((\w+)\)", path.read_text()))
    return names


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("simulator")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--from", dest="first", type=int, default=1)
    parser.add_argument("--source", required=True)
    options = parser.parse_args()
    workers = len(os.sched_getaffinity(0))
    share = -(-options.count // workers)
    running = [subprocess.Popen([options.simulator, "--from", str(options.first + i * share), "--count", str(share)],
                                stdout=subprocess.PIPE, text=True) for i in range(workers)]
    outputs = [process.communicate()[0] for process in running]
    print("".join(outputs))
    if any(process.returncode for process in running):
        return 1
    reached = set(re.findall(r"^  (\w+) +[1-9]\d*$", "".join(outputs), re.M))
    missing = sorted(declared_probes(options.source) - reached)
    if not reached or missing:
        print("probes never reached:", ", ".join(missing) or "all of them")
        return 1
    print(f"{share * workers} seeds, no violation, all {len(reached)} probes reached")
    return 0


if __name__ == "__main__":
    sys.exit(main())
