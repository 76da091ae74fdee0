#!/usr/bin/env python3
"""Sends the same random requests to mola and to the model server and wants the same answers.

usage: differential.py PYTHON MOLA MODEL_FOLDER --seeds N --ops N --features LIST [--texts] [--indexed] [--twin]

--indexed  flushes, merges and collections go on all the time, between and during the requests: thresholds of
           next to nothing, a fence of a second, a disk cache of a few slots, and little memory for views
--twin     beside a mola without an indexer instead of the model: the same bits
"""

import argparse
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import urllib.request


def model_server(python, folder):
    """The model on a free port: (process, port)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([python, "server.py", "--port", str(port)], cwd=folder, stdout=subprocess.PIPE, text=True)
    assert "model server on" in process.stdout.readline()
    return process, port


def steps_happened(server):
    """Flushes, merges and collections really ran, or the test would prove nothing."""
    with urllib.request.urlopen(server.base_url + "/metrics") as answer:
        lines = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if not line.startswith("#"))
    steps = {name: int(lines["mola_" + name])
             for name in ("index_flushes_total", "index_merges_total", "collect_deleted_total")}
    print(" ".join(f"{name}={count}" for name, count in steps.items()))
    return all(steps.values())


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
        flags = ["--cache-dir", f"{folder}/cache", "--view-bytes-max", "24M", *RESTLESS] if options.indexed else []
        server = Mola(f"file:{folder}/data", *flags)
        for seed in range(options.first, options.first + options.seeds):
            command = [options.python, "diff.py", "--a", f"http://127.0.0.1:{port}", "--b", server.base_url, "--seed", str(seed),
                       "--ops", str(options.ops), "--features", options.features, "--prefix", f"s{seed}-",
                       "--replay", str(pathlib.Path(folder, f"replay-{seed}.sh"))]
            command += ["--texts"] * options.texts + ["--exact"] * options.twin
            command += ["--pause-ms", "60"] * options.indexed
            failed += subprocess.run(command, cwd=options.model).returncode != 0
        if options.indexed:
            failed += not steps_happened(server)
        status = server.stop()
        status = (model.stop() if options.twin else model.terminate()) or status
    print(f"{options.seeds} seeds, {failed} with a difference, mola's exit status {status}")
    return 1 if failed or status else 0


if __name__ == "__main__":
    sys.exit(main())
