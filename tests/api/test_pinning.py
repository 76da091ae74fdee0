"""Pinned namespaces: in memory after a start and after indexing, without being asked for; the last to leave it; and a status that
says so."""
import os
import re
import time

import pytest
from mola import Mola

# Segments with objects of their own, merged and flushed at once; the log has no window to wait for.
INDEXED = ("--flush-rows", "1000", "--flush-age-ms", "0", "--inline-bytes-max", "0", "--commit-window-ms", "0")
PINNED = {"pinning": {"replicas": 2}}


def fill(server, name, rows=2000, first=0, text=300):
    body = {"upsert_rows": [{"id": first + k, "t": os.urandom(text).hex(), "n": k} for k in range(rows)],
            "schema": {"t": {"type": "string", "filterable": False}}}
    status = 503
    while status == 503:  # little memory, and an indexer that is behind
        status, answer, _ = server.ask("POST", f"/v2/namespaces/{name}", body)
    assert status == 200, answer


def until(test, seconds=30):
    """What `test` gives once it gives something."""
    end = time.monotonic() + seconds
    while not (value := test()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)
    return value


def metadata(server, name):
    status, answer, _ = server.ask("GET", f"/v2/namespaces/{name}/metadata")
    assert status == 200, answer
    return answer


def settled(server, name, rows):
    until(lambda: metadata(server, name)["approx_row_count"] == rows and metadata(server, name)["index"] == {"status": "up-to-date"})


def ready(server, name):
    pinning = metadata(server, name)["pinning"]
    assert pinning["status"]["replicas"] == pinning["replicas"]
    assert pinning["status"]["ready_replicas"] in (0, pinning["replicas"])
    return pinning["status"]["ready_replicas"] == pinning["replicas"]


def pin(server, name, body=None, expected=200):
    status, answer, _ = server.ask("PATCH", f"/v1/namespaces/{name}/metadata", body or PINNED)
    assert status == expected, answer
    return answer


def look(server, name):
    """An eventual query for everything: (ids, performance)"""
    status, answer, _ = server.ask("POST", f"/v2/namespaces/{name}/query", {
        "rank_by": ["n", "desc"], "limit": 10000, "include_attributes": True,
        "consistency": {"level": "eventual", "max_staleness_seconds": 3600}})
    assert status == 200, answer
    return {row["id"] for row in answer["rows"]}, answer["performance"]


def in_memory(server, name):
    _, performance = look(server, name)
    return performance["storage_roundtrips"] == 0 and performance["cache_hit_ratio"] == 1.0


def markers(store):
    """Names of the markers in a directory."""
    root = str(store).removeprefix("file:")
    return sorted(re.search(r"pin/([^/]+)$", os.path.join(folder, file))[1].split("%")[0] for folder, _, files in os.walk(root)
                  for file in files if re.search(r"/pin$", folder))


def test_a_start_warms_what_is_pinned(store):
    server = Mola(store, *INDEXED)
    fill(server, "a")
    fill(server, "b")
    settled(server, "a", 2000)
    settled(server, "b", 2000)
    assert pin(server, "a")["pinning"]["replicas"] == 2
    until(lambda: ready(server, "a"))
    assert in_memory(server, "a")
    assert "pinning" not in metadata(server, "b")
    server.kill()
    server.start()
    try:
        until(lambda: server.metrics()["mola_view_bytes"] > 1 << 20)  # nobody has asked for it
        until(lambda: ready(server, "a"))
        look(server, "b")
        assert in_memory(server, "a") and len(look(server, "a")[0]) == 2000
        server.ask("GET", "/v1/namespaces/a/_debug/purge_cache")  # what is forgotten comes back
        until(lambda: ready(server, "a") and in_memory(server, "a"))
    finally:
        assert server.stop() == 0


def test_new_segments_are_warmed_without_a_query(store):
    server = Mola(store, *INDEXED)
    other = None
    try:
        fill(server, "a")
        pin(server, "a")
        for round_ in range(1, 4):
            fill(server, "a", first=2000 * round_)
            settled(server, "a", 2000 * (round_ + 1))
            until(lambda: ready(server, "a"))
            assert in_memory(server, "a") and len(look(server, "a")[0]) == 2000 * (round_ + 1)
        other = Mola(store, "--indexer", "off", "--commit-window-ms", "0")  # another node of the same store
        until(lambda: other.metrics()["mola_view_bytes"] > 4 << 20)
        until(lambda: ready(other, "a"))
        assert in_memory(other, "a")
    finally:
        assert server.stop() == 0
        assert not other or other.stop() == 0


def test_pinned_namespaces_leave_memory_last(store):
    server = Mola(store, *INDEXED, "--view-bytes-max", "24M")
    try:
        names = [f"n{k}" for k in range(12)]
        for name in names:
            fill(server, name, 4000)
            settled(server, name, 4000)
        pin(server, "n0")
        until(lambda: ready(server, "n0"))
        for name in names + names:
            look(server, name)
            assert in_memory(server, "n0"), name
        assert not in_memory(server, "n1")
        pin(server, "n0", {"pinning": None})
        for name in names[1:] * 2:
            look(server, name)
        assert not in_memory(server, "n0")
    finally:
        assert server.stop() == 0


def test_what_does_not_fit_is_not_ready_and_still_answers(store):
    server = Mola(store, *INDEXED, "--view-bytes-max", "16M")
    try:
        for first in range(0, 24000, 4000):
            fill(server, "a", 4000, first, text=400)
        settled(server, "a", 24000)
        fill(server, "b")
        pin(server, "a")
        server.wait_for_line("pinned_namespace_does_not_fit", 30)
        assert not ready(server, "a")
        status, answer, _ = server.ask("POST", "/v2/namespaces/a/query", {"aggregate_by": {"c": ["Count"], "s": ["Sum", "n"]}})
        assert status == 200 and answer["aggregations"]["c"] == 24000
        assert len(look(server, "b")[0]) == 2000
    finally:
        assert server.stop() == 0


def test_the_limit_counts_the_pinned_namespaces_of_the_store(store):
    server = Mola(store, "--limit", "pinned_namespaces=2", "--commit-window-ms", "0")
    other = Mola(store, "--limit", "pinned_namespaces=2", "--commit-window-ms", "0")
    full = "at most 2 namespaces can be pinned"
    try:
        for name in "abcd":
            assert server.ask("POST", f"/v2/namespaces/{name}", {"upsert_rows": [{"id": 1}]})[0] == 200
        assert ready(server, "a") if "pinning" in pin(server, "a") else False
        pin(other, "b", {"pinning": True})
        for node in (server, other):
            assert pin(node, "c", expected=400)["error"] == full
            pin(node, "a", {"pinning": {"replicas": 3}})  # it is one of the two
            assert pin(node, "c", {"read_only": False, "pinning": False}).get("pinning") is None
        assert markers(store) == ["a", "b"]
        pin(server, "a", {"pinning": False})
        pin(server, "c")
        assert pin(server, "d", expected=400)["error"] == full
        assert server.ask("DELETE", "/v2/namespaces/c")[0] == 200
        until(lambda: markers(store) == ["b"])
        pin(other, "d")
        assert server.ask("PATCH", "/v1/namespaces/none/metadata", PINNED)[0] == 404
        assert markers(store) == ["b", "d"]
        for body, status in (({"pinning": {"replicas": 0}}, 400), ({"pinning": "yes"}, 422), ({"pinning": {"replicas": -1}}, 400)):
            pin(server, "a", body, status)
        assert markers(store) == ["b", "d"]
    finally:
        assert server.stop() == 0
        assert other.stop() == 0


def test_no_namespace_may_be_pinned(store):
    server = Mola(store, "--limit", "pinned_namespaces=0")
    try:
        assert server.ask("POST", "/v2/namespaces/a", {"upsert_rows": [{"id": 1}]})[0] == 200
        assert pin(server, "a", expected=400)["error"] == "at most 0 namespaces can be pinned"
        assert "pinning" not in metadata(server, "a") and markers(store) == []
    finally:
        assert server.stop() == 0


def test_utilization_is_what_queries_take(store):
    server = Mola(store, *INDEXED)
    try:
        fill(server, "a", 4000)
        pin(server, "a")
        assert metadata(server, "a")["pinning"]["status"]["utilization"] == 0.0
        for _ in range(20):
            look(server, "a")
        status = metadata(server, "a")["pinning"]["status"]
        assert 0 < status["utilization"] <= 1 and set(status) == {"replicas", "ready_replicas", "utilization", "updated_at"}
        assert abs(time.time() - time.mktime(time.strptime(status["updated_at"][:19], "%Y-%m-%dT%H:%M:%S")) + time.timezone) < 60
    finally:
        assert server.stop() == 0


@pytest.mark.parametrize("pinning", [True, {}, {"replicas": None}, {"replicas": 1}])
def test_one_replica_in_all_its_spellings(store, pinning):
    server = Mola(store)
    try:
        assert server.ask("POST", "/v2/namespaces/a", {"upsert_rows": [{"id": 1}]})[0] == 200
        assert pin(server, "a", {"pinning": pinning})["pinning"]["replicas"] == 1
        assert pin(server, "a", {"read_only": True})["pinning"]["replicas"] == 1
        assert "pinning" not in pin(server, "a", {"pinning": None})
    finally:
        assert server.stop() == 0
