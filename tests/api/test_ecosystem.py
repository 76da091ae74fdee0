"""Public clients that build on the SDK, unmodified, each in a process of its own. They think that they speak to the service."""
import os
import pathlib
import subprocess

import pytest
from mola import ROOT

HERE = pathlib.Path(__file__).parent
SECONDS = 120
# Nobody is told of it, and nothing leaves this machine.
SILENT = {"COCOINDEX_DISABLE_USAGE_TRACKING": "1", "MEM0_TELEMETRY": "False", "LANGSMITH_TRACING": "false",
          "HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1,localhost"}


@pytest.mark.parametrize("program", ["langchain_store", "mem0_memory", "cocoindex_flow"])
def test_public_clients_work_unmodified(server, tmp_path, program):
    folder = tmp_path / "own"
    folder.mkdir()
    done = subprocess.run([ROOT / ".venv-ecosystem/bin/python", HERE / "ecosystem" / f"{program}.py", server.base_url, folder],
                          capture_output=True, text=True, timeout=SECONDS, cwd=folder, env={**os.environ, **SILENT, "HOME": str(folder)})
    assert done.returncode == 0 and done.stdout.strip().endswith("OK"), done.stdout + done.stderr
