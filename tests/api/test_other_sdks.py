"""The TypeScript SDK and the older Python SDK, each in a process of its own, with kill -9 and restart in between."""
import pathlib
import subprocess

from mola import ROOT

HERE = pathlib.Path(__file__).parent
SECONDS = 120


def run(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=SECONDS, cwd=HERE)
    assert done.returncode == 0 and done.stdout.strip().endswith("OK"), done.stdout + done.stderr


def test_typescript_sdk_writes_and_after_a_kill_reads(server):
    run("node", "-r", "./node18.cjs", "sdk.mjs", server.base_url, "write")
    server.kill()
    server.start()
    run("node", "-r", "./node18.cjs", "sdk.mjs", server.base_url, "read")


def test_python_sdk_of_the_1x_line(server):
    run(ROOT / ".venv-1x/bin/python", "sdk_1x.py", server.base_url)
