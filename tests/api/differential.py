#!/usr/bin/env python3
"""Sends the same random requests to mola and to the model server and wants the same answers.

usage: differential.py PYTHON MOLA MODEL_FOLDER --seeds N --ops N --features LIST [--texts] [--store URL]
"""

import argparse
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


def main():
    parser = argparse.ArgumentParser()
    for name in ("python", "mola", "model"):
        parser.add_argument(name)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--ops", type=int, default=2000)
    parser.add_argument("--features", default="basic")
    parser.add_argument("--texts", action="store_true")
    options = parser.parse_args()
    model, port = model_server(options.python, options.model)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MOLA_BINARY"] = options.mola
        from mola import Mola
        server = Mola(f"file:{folder}/data")
        for seed in range(options.first, options.first + options.seeds):
            command = [options.python, "diff.py", "--a", f"http://127.0.0.1:{port}", "--b", server.base_url, "--seed", str(seed),
                       "--ops", str(options.ops), "--features", options.features, "--prefix", f"s{seed}-",
                       "--replay", str(pathlib.Path(folder, f"replay-{seed}.sh"))]
            failed += subprocess.run(command + ["--texts"] * options.texts, cwd=options.model).returncode != 0
        status = server.stop()
    model.terminate()
    print(f"{options.seeds} seeds, {failed} with a difference, mola's exit status {status}")
    return 1 if failed or status else 0


if __name__ == "__main__":
    sys.exit(main())
