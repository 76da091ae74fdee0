#!/usr/bin/env python3
"""Sends the same random requests to mola and to the model server and wants the same answers.

usage: differential.py PYTHON MOLA MODEL_FOLDER --seeds N --ops N --features LIST [--texts] [--indexed] [--twin] [--two] [--s3]

--indexed  flushes, merges and collections go on all the time, between and during the requests: thresholds of
           next to nothing, a fence of a second, a disk cache of a few slots, and little memory for views
--twin     beside a mola without an indexer instead of the model: the same bits
--two      two servers on one store answer in turn, request by request (takes the Python of .venv)
--s3       on the bucket that tests/s3/run.py has started, instead of a directory:
           tests/s3/run.py minio .venv/bin/python tests/api/differential.py ... --two --s3
"""

import argparse
import itertools
import os
import pathlib
import socket
import subprocess
import sys
import tempfile


def model_server(python, folder):
    """The model on a free port: (process, port)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([python, "server.py", "--port", str(port)], cwd=folder, stdout=subprocess.PIPE, text=True)
    assert "model server on" in process.stdout.readline()
    return process, port


def steps_happened(servers):
    """Flushes, merges and collections really ran, and segments were read, or the test would prove nothing."""
    steps = dict.fromkeys(("index_flushes_total", "index_merges_total", "collect_deleted_total", "cache_disk_misses_total"), 0)
    for server in servers:
        metrics = server.metrics()
        for name in steps:
            steps[name] += int(metrics["mola_" + name])
    print(" ".join(f"{name}={count}" for name, count in steps.items()))
    return all(steps.values())


def front_of(servers):
    """The address that hands each request to the next of the servers."""
    if len(servers) == 1:
        return servers[0].base_url
    from contract import Watch

    class InTurn(Watch):
        def judge(self, *_):
            pass

    turns = itertools.cycle(server.port for server in servers)
    return f"http://127.0.0.1:{InTurn(None, lambda: next(turns)).port}"


def main():
    parser = argparse.ArgumentParser()
    for name in ("python", "mola", "model"):
        parser.add_argument(name)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--ops", type=int, default=2000)
    parser.add_argument("--features", default="basic")
    parser.add_argument("--texts", action="store_true")
    parser.add_argument("--indexed", action="store_true")
    parser.add_argument("--twin", action="store_true")
    parser.add_argument("--two", action="store_true")
    parser.add_argument("--s3", action="store_true")
    options = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MOLA_BINARY"] = options.mola
        from mola import RESTLESS, Mola
        if options.twin:
            model = Mola(f"file:{folder}/twin", "--indexer", "off")
            port = model.port
        else:
            model, port = model_server(options.python, options.model)
        store = os.environ["MOLA_TEST_STORES"] if options.s3 else f"file:{folder}/data"
        servers = [Mola(store, *(["--cache-dir", f"{folder}/cache{n}", "--view-bytes-max", "24M", *RESTLESS] if options.indexed else []))
                   for n in range(2 if options.two else 1)]
        front = front_of(servers)
        for seed in range(options.first, options.first + options.seeds):
            command = [options.python, "diff.py", "--a", f"http://127.0.0.1:{port}", "--b", front, "--seed", str(seed),
                       "--ops", str(options.ops), "--features", options.features, "--prefix", f"s{seed}-",
                       "--replay", str(pathlib.Path(folder, f"replay-{seed}.sh"))]
            command += ["--texts"] * options.texts + ["--exact"] * options.twin
            command += ["--pause-ms", "60"] * options.indexed
            failed += subprocess.run(command, cwd=options.model).returncode != 0
        if options.indexed:
            failed += not steps_happened(servers)
        status = max(server.stop() for server in servers)
        status = (model.stop() if options.twin else model.terminate()) or status
    print(f"{options.seeds} seeds, {failed} with a difference, mola's exit status {status}")
    return 1 if failed or status else 0


if __name__ == "__main__":
    sys.exit(main())
