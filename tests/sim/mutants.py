#!/usr/bin/env python3
"""The acceptance test of the simulator: each known bug, put into the production code, must be caught.

usage: mutants.py SOURCE_ROOT BUILD_DIR [NAME...]

A mutant is a change of one place in src/namespace or src/write that breaks one rule of the storage protocol. The changed
file is compiled as the simulator's own library is, linked in its stead, and run until the judge objects.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile

from mutant_table import MUTANTS

SEEDS = 2000


def compile_command(build, source):
    """The command that compiles `source` for the simulator, as a list."""
    for entry in json.loads((build / "compile_commands.json").read_text()):
        if "libmola_sim.a.p" in entry["output"] and (pathlib.Path(entry["directory"]) / entry["file"]).resolve() == source:
            return shlex.split(entry["command"])
    raise SystemExit(f"{source} is not part of the simulator")


def link_command(build):
    lines = subprocess.run(["ninja", "-t", "commands", "tests/sim/simulator"], cwd=build, capture_output=True, text=True,
                           check=True).stdout.strip().splitlines()
    return shlex.split(lines[-1])


def mutate(root, mutant):
    """The path of the changed file's original, and the changed text."""
    path = root / mutant["file"]
    text = path.read_text()
    if text.count(mutant["old"]) != 1:
        raise SystemExit(f"{mutant['name']}: its place occurs {text.count(mutant['old'])} times in {mutant['file']}")
    return path, text.replace(mutant["old"], mutant["new"])


def run(root, build, mutant, folder):
    path, text = mutate(root, mutant)
    changed = folder / f"{mutant['name']}.c"
    changed.write_text(text)
    compiled, program = changed.with_suffix(".o"), changed.with_suffix(".sim")
    command = compile_command(build, path)
    at = command.index("-o")
    command[at + 1] = str(compiled)
    command[command.index("-c") + 1] = str(changed)
    command = [word for word in command if word not in ("-MD", "-MQ", "-MF")]
    command = [word for word in command if not word.endswith((".o.d", ".c.o"))] + ["-Wno-error", "-w", f"-iquote{path.parent}"]
    subprocess.run(command, cwd=build, check=True)
    link = link_command(build)
    link[link.index("-o") + 1] = str(program)
    subprocess.run(link[:1] + [str(compiled)] + link[1:], cwd=build, check=True)
    profile = ["--profile", mutant["profile"]] if "profile" in mutant else []
    done = subprocess.run([program, *profile, "--until-caught", "--count", str(mutant.get("seeds", SEEDS))],
                          capture_output=True, text=True)
    crashed = done.returncode in (3, -signal.SIGABRT, -signal.SIGSEGV)
    if done.returncode not in (0, 1) and not crashed:
        raise SystemExit(f"{mutant['name']}: exit {done.returncode}: {done.stderr}")
    found = re.search(r"^seed (\d+): VIOLATION (.*)$", done.stdout, re.M)
    if found:  # the judge must be content with that seed when nothing is wrong
        subprocess.run([build / "tests/sim/simulator", *profile, "--seed", found[1]], check=True, stdout=subprocess.DEVNULL)
    return mutant["name"], found, f"exit {done.returncode}: {done.stderr.strip()[-200:]}" if crashed else ""


def main():
    root, build = (pathlib.Path(p).resolve() for p in sys.argv[1:3])
    build = pathlib.Path(next(p for p in (build, *build.parents) if (p / "build.ninja").exists()))
    wanted = sys.argv[3:]
    mutants = [m for m in MUTANTS if not wanted or m["name"] in wanted]
    missed = 0
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for name, found, crashed in pool.map(lambda m: run(root, build, m, pathlib.Path(folder)), mutants):
            caught = found or crashed
            missed += not caught
            print(f"{name:28} " + (f"caught by seed {found[1]}: {found[2]}" if found else f"caught: {crashed}" if crashed
                                   else "NOT CAUGHT"), flush=True)
    print(f"{len(mutants)} mutants, {missed} not caught")
    return 1 if missed or not mutants else 0


if __name__ == "__main__":
    sys.exit(main())
