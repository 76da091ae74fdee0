"""How the process starts and ends: exit status, words on standard error, keys that rotate, draining."""
import signal
import subprocess
import time

import pytest
from mola import BINARY, Mola

SECONDS = 30


def run(*flags):
    done = subprocess.run([BINARY, *flags], capture_output=True, text=True, timeout=SECONDS)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("flags,words", [
    (["--listen", "localhost"], "is not ADDRESS:PORT"), (["--store", "ftp://x"], "ftp://x"),
    (["--log-level", "loud"], '"loud" is not debug'), (["--kernel=sse9"], '"sse9" is unknown'),
    (["--store", "mem:", "--api-keys-file", "/nowhere/keys"], "cannot read the key file"),
])
def test_a_start_that_cannot_be_ends_with_status_2_wherever_it_stopped(flags, words):
    status, text = run("serve", *flags)
    assert status == 2 and words in text


def test_a_start_that_fails_ends_with_its_status(tmp_path):
    (tmp_path / "file").write_text("not a directory")
    status, text = run("serve", "--store", f"file:{tmp_path}/file")
    assert status in (1, 2) and "file" in text
    server = Mola("mem:")
    status, text = run("serve", "--store", "mem:", "--listen", f"127.0.0.1:{server.port}")
    assert status == 1 and "Address already in use" in text
    assert server.stop() == 0


def wait_until(what):
    end = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


def test_keys_rotate_without_a_restart(tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("# two of them\nfirst\n  second  \n\n")
    server = Mola("mem:", "--api-keys-file", keys)
    status = lambda key: server.ask("GET", "/v1/namespaces", headers={"Authorization": f"Bearer {key}"})[0]
    assert [status(k) for k in ("first", "second", "third", "fir", "")] == [200, 200, 401, 401, 401]
    assert server.ask("GET", "/health", headers={"Authorization": ""})[0] == 200
    keys.write_text("third\n")
    wait_until(lambda: status("third") == 200)
    assert [status(k) for k in ("first", "second", "third")] == [401, 401, 200]
    keys.unlink()  # unreadable: the old ones stay
    keys.write_text("")
    time.sleep(2.5)  # two looks at the file: that nothing happens cannot be waited for
    assert status("third") == 200
    assert server.stop() == 0


def test_draining_answers_what_is_under_way(tmp_path):
    server = Mola(f"file:{tmp_path}/data")
    assert server.ask("POST", "/v2/namespaces/n", {"upsert_rows": [{"id": 1}]})[0] == 200
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(SECONDS) == 0
    server.start()
    assert server.ask("GET", "/v1/namespaces/n/schema")[0] == 200
    assert server.stop() == 0
