"""What the README shows works as written: every command of its first five minutes is run."""
import json
import re
import subprocess
import sys

from mola import ROOT


def blocks(heading):
    """The indented blocks under a heading, without their indentation."""
    text = (ROOT / "README.md").read_text()
    part = text.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return ["\n".join(line[4:] for line in block.splitlines()) for block in re.findall(r"((?:^(?:    .*)?\n)+)", part, re.M)
            if block.strip()]


def test_the_first_five_minutes_with_curl_and_python(server):
    shell, python = blocks("The first five minutes")
    at = f"127.0.0.1:{server.port}"
    commands = re.split(r"^(?=curl )", re.sub(r"^#.*\n", "", shell, flags=re.M), flags=re.M)[1:]
    assert len(commands) >= 11
    answers = []
    for command in commands:
        done = subprocess.run(["bash", "-c", command.replace("localhost:3000", at)], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        answers.append(json.loads(done.stdout))
        assert answers[-1].get("status") != "error", (command, answers[-1])
    written, near, text, fused, ordered, counted, patched, revised, listed, _, deleted = answers
    assert written["rows_affected"] == 3
    assert [row["id"] for row in near["rows"]] == [1, 3] and near["rows"][0]["title"] == "The Walrus"
    assert [row["id"] for row in ordered["rows"]] == [3, 2, 1]
    assert [row["id"] for row in text["rows"]] == [1]
    assert [row["id"] for row in fused["results"][0]["rows"]] == [2, 3]
    assert counted["aggregations"] == {"n": 1}
    assert patched["rows_patched"] == 2 and revised["rows_upserted"] == 1
    assert listed["namespaces"] == [{"id": "books"}] and deleted == {"status": "OK"}
    program = python.replace("127.0.0.1:3000", at)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "The Walrus" in done.stdout, done.stderr
