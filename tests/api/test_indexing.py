"""Indexing as its users see it: in the server, or beside it; the metadata, the tools, what is left on disk."""
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest
from mola import BINARY, Mola, export

SECONDS = 60
SHORT = ["--fence-seconds", "1", "--retention-seconds", "0", "--gc-floor-age-seconds", "0", "--sweep-seconds", "2"]


def wait_until(what):
    end = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


def keys(store, folder):
    """How many objects there are in a folder of all incarnations, or of hints."""
    root = pathlib.Path(store.removeprefix("file:")) / "o"
    places = [root / "q"] if folder == "q" else root.glob(f"d/*/{folder}")
    return sum(1 for place in places if place.exists() for path in place.rglob("*") if path.is_file())


def upsert(server, first, count, name="n"):
    # Incompressible, or all of it would stand in the manifest.
    rows = [{"id": i, "text": f"row {i} " + os.urandom(100).hex(), "n": i % 7} for i in range(first, first + count)]
    status, body, _ = server.ask("POST", f"/v2/namespaces/{name}", {"upsert_rows": rows})
    assert status == 200, body


def index_of(server, name="n"):
    status, body, _ = server.ask("GET", f"/v1/namespaces/{name}/metadata")
    assert status == 200, body
    return body


def run(*arguments):
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=SECONDS)
    return done.returncode, done.stdout, done.stderr


def segments_by_fsck(store):
    status, out, err = run("fsck", "--store", store)
    assert status == 0, out + err
    assert "damaged 0" in out, out
    return int(re.search(r"segments (\d+)", out)[1])


def test_a_server_indexes_what_it_writes(store):
    server = Mola(store, "--flush-bytes", "64K", "--flush-age-ms", "300", "--commit-window-ms", "0")
    for first in range(0, 10000, 1000):
        upsert(server, first, 1000)
    wait_until(lambda: index_of(server)["index"] == {"status": "up-to-date"})
    wait_until(lambda: index_of(server)["approx_row_count"] == 10000)
    assert index_of(server)["approx_logical_bytes"] > 10000 * 100
    assert len(export(server, "n")[0]) == 10000
    assert server.stop() == 0
    assert segments_by_fsck(store) >= 1
    server.start()
    assert len(export(server, "n")[0]) == 10000
    assert server.stop() == 0


def test_metadata_tells_what_waits_for_an_indexer_that_is_elsewhere(store):
    server = Mola(store, "--indexer", "off", "--commit-window-ms", "0", "--fence-seconds", "2")
    upsert(server, 0, 10)
    body = index_of(server)
    assert body["index"] == {"status": "up-to-date"} and body["approx_row_count"] == 0
    upsert(server, 0, 2000)
    rows = [{"id": i, "vector": [(i + j) * 0.37 % 1 for j in range(64)]} for i in range(2000)]
    status, answer, _ = server.ask("POST", "/v2/namespaces/v", {"upsert_rows": rows, "distance_metric": "cosine_distance"})
    assert status == 200, answer
    index = index_of(server, "v")["index"]
    assert index["status"] == "updating" and index["unindexed_bytes"] > 400000 and index["unindexed_rows"] == 2000
    wait_until(lambda: keys(store, "q") == 2)
    assert run("index", "--once", "--store", store, "--fence-seconds", "2")[0] == 0
    wait_until(lambda: index_of(server, "v")["index"] == {"status": "up-to-date"})
    assert index_of(server, "v")["approx_row_count"] == index_of(server)["approx_row_count"] == 2000
    assert server.stop() == 0
    assert segments_by_fsck(store) == 2


def test_an_indexer_beside_the_server_follows_its_hints(store):
    server = Mola(store, "--indexer", "off", "--commit-window-ms", "0", "--fence-seconds", "1")
    indexer = subprocess.Popen([BINARY, "index", "--store", store, "--index-poll-ms", "50", "--flush-age-ms", "200", *SHORT],
                               stderr=subprocess.PIPE, text=True)
    try:
        for first in range(0, 3000, 500):
            upsert(server, first, 500)
        wait_until(lambda: keys(store, "s") > 0 and keys(store, "q") == 0)
        wait_until(lambda: keys(store, "w") == 0)  # and collects what is indexed
        wait_until(lambda: index_of(server)["approx_row_count"] == 3000)
        assert len(export(server, "n")[0]) == 3000
        assert server.ask("DELETE", "/v2/namespaces/n")[0] == 200
        wait_until(lambda: keys(store, "s") == 0)  # and sweeps what is deleted
    finally:
        indexer.send_signal(signal.SIGTERM)
        assert indexer.wait(SECONDS) == 0
    assert server.stop() == 0


def test_what_was_not_indexed_at_a_kill_is_indexed_after_the_restart(store):
    flags = ["--flush-age-ms", "400", "--commit-window-ms", "0", *SHORT]
    server = Mola(store, *flags)
    upsert(server, 0, 1000)
    server.kill()
    server.start()
    wait_until(lambda: keys(store, "w") == 0)  # nobody asks for the namespace: the first sweep finds it
    assert len(export(server, "n")[0]) == 1000
    assert server.stop() == 0
    assert segments_by_fsck(store) == 1


def test_once_says_when_something_failed(store):
    server = Mola(store, "--indexer", "off", "--commit-window-ms", "0")
    upsert(server, 0, 10)
    assert server.stop() == 0
    root = pathlib.Path(store.removeprefix("file:")) / "o"
    for path in (p for p in root.glob("d/*/w/*") if p.is_file()):
        data = bytearray(path.read_bytes())
        data[200] ^= 1
        path.write_bytes(data)
    status, _, err = run("index", "--once", "--store", store)
    assert status == 1 and "index_failed namespace=n" in err
    assert run("fsck", "n", "--store", store)[0] == 1


def test_a_disk_cache_that_cannot_be_is_done_without(store, tmp_path):
    (tmp_path / "file").write_text("not a directory")
    server = Mola(store, "--cache-dir", tmp_path / "file", "--commit-window-ms", "0", "--flush-age-ms", "100")
    server.wait_for_line("no_disk_cache", SECONDS)
    upsert(server, 0, 100)
    assert len(export(server, "n")[0]) == 100
    assert server.stop() == 0


@pytest.mark.parametrize("flags", [[], ["--indexer", "off"]])
def test_an_idle_server_asks_for_nothing(store, flags):
    server = Mola(store, *flags)
    requests = lambda: sum(value for name, value in server.metrics().items() if name.startswith("mola_store_"))
    before = requests()
    time.sleep(1.5)  # that nothing happens cannot be waited for
    assert requests() == before
    upsert(server, 0, 1)
    assert requests() > before
    assert server.stop() == 0
