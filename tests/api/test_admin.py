"""Branches, copies and operations through the official Python SDK, against the real binary: also with kill -9 in the
middle, and with two servers on one directory."""
import random
import subprocess
import threading
import time
import urllib.parse

import mola as harness
import pytest
import turbopuffer
from mola import Mola, export

OPERATION_SECONDS = 60
QUICK = ("--operation-lease-seconds", "1")


def client_of(server):
    return turbopuffer.Turbopuffer(api_key="tpuf_anything", base_url=server.base_url)


@pytest.fixture
def client(server):
    return client_of(server)


def fill(ns, count, value):
    ns.write(upsert_rows=[{"id": i, "vector": [i, value], "n": value * i, "s": f"text {i}"} for i in range(count)],
             distance_metric="euclidean_squared")


def fsck(server):
    """Everything that the manifests refer to is there and right. The server may be running."""
    answer = subprocess.run([harness.BINARY, "fsck", "--store", server.store], capture_output=True, text=True)
    assert answer.returncode == 0 and "damaged 0," in answer.stdout, answer.stdout + answer.stderr


def finished(server, name, token):
    """Polls as the SDKs do; every answer has the form that their types want."""
    deadline = time.monotonic() + OPERATION_SECONDS
    while time.monotonic() < deadline:
        status, body, _ = server.ask("GET", f"/v1/namespaces/{name}/operations/{token}", headers={"Prefer": "respond-async"})
        assert status == 200 and "start_time" in body, body
        if body["status"] == "finished":
            assert "finish_time" in body and len(body["result"]) == 1, body
            return body["result"]
        assert body["status"] == "running" and "result" not in body
        time.sleep(0.05)
    raise AssertionError(f"{token} never finished")


def test_a_branch_is_independent_of_its_parent(server, client):
    parent, child = client.namespace("parent"), client.namespace("child")
    fill(parent, 50, 1)
    answer = child.branch_from(source_namespace="parent")
    assert (answer.status, answer.rows_affected) == ("OK", 50)
    assert export(server, "child")[0] == export(server, "parent")[0]
    assert child.metadata().model_dump()["branching"] == {"parent": "parent"}
    assert child.metadata().last_write_at == parent.metadata().last_write_at
    child.write(deletes=list(range(25)), upsert_rows=[{"id": 100, "vector": [1, 1]}])
    parent.write(upsert_rows=[{"id": 200, "vector": [2, 2]}])
    assert [r["id"] for r in export(server, "child")[0]] == [*range(25, 50), 100]
    assert [r["id"] for r in export(server, "parent")[0]] == [*range(50), 200]
    parent.delete_all()
    fill(parent, 3, 7)
    assert [r["id"] for r in export(server, "child")[0]] == [*range(25, 50), 100]
    grandchild = client.namespace("grandchild")
    grandchild.branch_from(source_namespace="child")
    child.delete_all()
    assert [r["id"] for r in export(server, "grandchild")[0]] == [*range(25, 50), 100]
    fsck(server)


def test_read_only_goes_to_branches_and_pinning_to_nobody(server, client):
    source = client.namespace("source")
    fill(source, 5, 1)
    source.update_metadata(read_only=True, pinning={"replicas": 2})
    pinned = source.metadata().model_dump()["pinning"]
    assert pinned["replicas"] == 2
    assert pinned["status"]["replicas"] == pinned["status"]["ready_replicas"] == 2
    client.namespace("branch").branch_from(source_namespace="source")
    client.namespace("copy").copy_from(source_namespace="source")
    branch, copy = (client.namespace(n).metadata().model_dump() for n in ("branch", "copy"))
    assert branch["read_only"] is True and not copy.get("read_only")
    assert not branch.get("pinning") and not copy.get("pinning")
    assert branch["branching"] and not copy.get("branching")


def test_refusals(server, client):
    fill(client.namespace("full"), 2, 1)
    write = lambda name, **body: server.ask("POST", f"/v2/namespaces/{name}", body)
    assert write("new", branch_from_namespace="none")[0] == 404
    status, body, fields = write("full", copy_from_namespace={"source_namespace": "full"})
    assert status == 409 and fields["x-should-retry"] == "false" and "not empty" in body["error"]
    assert write("new", copy_from_namespace="full", schema={"a": "int"})[0] == 400
    assert write("new", copy_from_namespace={"source_namespace": "full", "source_region": "gcp-us-central1"})[0] == 400
    status, body, _ = write("new", copy_from_namespace={"source_namespace": "full"},
                            encryption={"mode": "customer-managed", "key_name": "mykey"})
    assert status == 400 and "Malformed Cloud KMS crypto key: mykey" in body["error"]
    assert write("sharded", upsert_rows=[{"id": 1}], sharding={"num_shards": 3})[0] == 200
    assert write("new", branch_from_namespace="sharded")[0] == 400
    assert write("new", copy_from_namespace="sharded", sharding={"num_shards": 5})[0] == 200
    assert client.namespace("new").metadata().model_dump()["sharding"] == {"num_shards": 5}
    assert write("empty", create_namespace=True, schema={"id": "uint"})[0] == 200
    assert write("empty", copy_from_namespace="full")[1]["rows_affected"] == 2  # one without documents makes room
    assert server.ask("GET", "/v1/namespaces/new/operations/" + "0" * 32)[0] == 404
    assert server.ask("GET", "/v1/namespaces/new/operations/x")[0] == 404
    assert server.ask("POST", "/v2/namespaces/z/async", {"copy_from_namespace": "full"})[0] == 422


def test_copies_through_the_sdk(server, client):
    source, copy = client.namespace("source"), client.namespace("copy")
    fill(source, 20, 3)
    assert copy.copy_from(source_namespace="source").rows_affected == 20  # asks for an operation, and polls
    assert export(server, "copy")[0] == export(server, "source")[0]
    later = client.namespace("later")
    token = later.start_copy_from(source_namespace="source").token
    assert finished(server, "later", token)["success"]["rows_affected"] == 20
    with pytest.raises(turbopuffer.NotFoundError):
        client.namespace("x").copy_from(source_namespace="none")


def test_a_preference_is_answered_with_an_operation(server, client):
    fill(client.namespace("source"), 4, 1)
    status, _, fields = server.ask("POST", "/v2/namespaces/copy", {"copy_from_namespace": "source"},
                                   headers={"Prefer": "Respond-Async, wait=1"})
    assert status == 202 and fields["preference-applied"] == "respond-async"
    assert fields["location"].startswith("/v1/namespaces/copy/operations/")
    token = fields["location"].rsplit("/", 1)[1]
    assert finished(server, "copy", token)["success"]["rows_affected"] == 4
    late = server.ask("POST", "/v2/namespaces/copy/async", {"copy_from_namespace": {"source_namespace": "source"}})
    assert late[0] == 409


def test_recall(server, client):
    ns = client.namespace("vectors")
    fill(ns, 40, 2)
    answer = ns.recall(num=5, top_k=3)
    assert (answer.avg_recall, answer.avg_exhaustive_count, answer.avg_ann_count) == (1, 3, 3)
    path = "/v1/namespaces/vectors/_debug/recall"
    status, body, _ = server.ask("POST", path, raw=b"")
    assert status == 200 and body == {"avg_recall": 1.0, "avg_exhaustive_count": 10.0, "avg_ann_count": 10.0}
    status, body, _ = server.ask("POST", path, {"num": 4, "top_k": 2, "filters": ["n", "Lt", 20], "include_ground_truth": True})
    assert status == 200 and len(body["ground_truth"]) == 4
    for truth in body["ground_truth"]:
        nearest = truth["nearest_neighbors"]
        assert nearest[0] == {"id": int(truth["query_vector"][0]), "$dist": 0.0} and nearest[1]["$dist"] == 1.0
        assert all(row["id"] < 10 for row in nearest)
    given = {"rank_by": ["vector", "ANN", [7, 2]], "top_k": 1, "include_ground_truth": True}
    assert server.ask("POST", path, given)[1]["ground_truth"][0]["nearest_neighbors"] == [{"id": 7, "$dist": 0.0}]
    for bad, want in (({"num": 0}, 400), ({"top_k": 1001}, 400), ({"num": "3"}, 422), ([], 422), ({**given, "num": 2}, 400),
                      ({"rank_by": ["id", "asc"]}, 400), ({"filters": ["nope", "Eq", 1]}, 400), ({"filters": "x"}, 422)):
        assert server.ask("POST", path, bad)[0] == want, bad
    assert server.ask("POST", "/v1/namespaces/none/_debug/recall", {})[0] == 404
    client.namespace("plain").write(upsert_rows=[{"id": 1}])
    assert server.ask("POST", "/v1/namespaces/plain/_debug/recall", {})[0] == 400


def test_recall_as_an_operation(server, client):
    fill(client.namespace("vectors"), 20, 2)
    for body, want in (({"num": 2, "top_k": 4}, 4.0), (None, 10.0)):
        status, _, fields = server.ask("POST", "/v1/namespaces/vectors/_debug/recall", body, raw=b"" if body is None else None,
                                       headers={"Prefer": "respond-async"})
        assert status == 202
        token = fields["location"].rsplit("/", 1)[1]
        assert finished(server, "vectors", token)["success"]["avg_ann_count"] == want
    _, body, fields = server.ask("POST", "/v1/namespaces/none/_debug/recall", {}, headers={"Prefer": "respond-async"})
    error = finished(server, "none", body["token"])["error"]
    assert error == {"status_code": 404, "detail": {"status": "error", "error": "namespace 'none' was not found"}}


def test_caches_are_warmed_and_emptied(store, tmp_path):
    server = Mola(store, "--cache-dir", tmp_path / "cache", "--flush-rows", "1", "--flush-age-ms", "0", "--inline-bytes-max", "0")
    fill(client_of(server).namespace("n"), 500, 1)
    deadline = time.monotonic() + OPERATION_SECONDS
    while server.ask("GET", "/v1/namespaces/n/metadata")[1]["approx_row_count"] == 0:
        assert time.monotonic() < deadline
        time.sleep(0.05)

    def trips():
        answer = server.ask("POST", "/v2/namespaces/n/query", {"rank_by": ["n", "desc"], "limit": 3})[1]
        assert [row["id"] for row in answer["rows"]] == [499, 498, 497]
        return answer["performance"]["storage_roundtrips"], answer["performance"]["cache_temperature"]

    trips()
    for _ in range(2):
        assert server.ask("GET", "/v1/namespaces/n/_debug/purge_cache")[0] == 200
        assert trips()[0] >= 2  # manifest, head, and pages where they did not come along with it
        assert server.ask("GET", "/v1/namespaces/n/_debug/purge_cache")[0] == 200
        assert server.ask("GET", "/v1/namespaces/n/_debug/warm_cache")[0] == 200
        assert trips() == (1, "hot")  # the probe alone
    for call in ("warm_cache", "purge_cache"):
        assert server.ask("GET", f"/v1/namespaces/none/_debug/{call}")[0] == 404
    assert server.stop() == 0


def test_what_waits_for_the_indexer_is_told(store):
    server = Mola(store, "--commit-window-ms", 0, "--flush-age-ms", 600000)  # nothing is indexed by its age
    path = "/v2/namespaces/n/read_only_optimize"
    assert server.ask("POST", path)[0] == 404
    for rows, status in ((1, "OK"), (1000, "ACCEPTED")):
        assert server.ask("POST", "/v2/namespaces/n", {"upsert_rows": [{"id": i, "text": random.randbytes(600).hex()} for i in range(rows)]})[0] == 200
        for body in (None, {}):
            answer = server.ask("POST", path, body)
            assert answer[0] == 200 and answer[1]["status"] == status and answer[1]["message"], answer
    assert server.stop() == 0


def test_clients_of_2024(server, client):
    def old(method, path, body=None, want=200):
        status, answer, _ = server.ask(method, "/v1/vectors/old" + path, body)
        assert status == want, answer
        return answer

    assert old("POST", "", {"ids": [1, 2, 3], "vectors": [[1, 1], [2, 2], [3, 3]], "distance_metric": "euclidean_squared",
                            "attributes": {"name": ["one", None, "three"], "n": [1, 2, 3]}})["status"] == "OK"
    assert old("POST", "", {"upserts": [{"id": 4, "vector": [4, 4], "attributes": {"name": "four"}}]})["rows_affected"] == 1
    assert old("POST", "/query", {"vector": [3, 3], "top_k": 2, "include_attributes": ["name"], "include_vectors": True}) == [
        {"id": 3, "dist": 0.0, "vector": [3.0, 3.0], "attributes": {"name": "three"}},
        {"id": 2, "dist": 2.0, "vector": [2.0, 2.0], "attributes": {}}]
    assert old("POST", "/query", {"vector": [9, 9], "filters": ["n", "In", [1, 2]]}) == [
        {"id": 2, "dist": 98.0, "attributes": {}}, {"id": 1, "dist": 128.0, "attributes": {}}]
    assert [row["id"] for row in old("POST", "/query", {"top_k": 10})] == [1, 2, 3, 4]
    # a vector that is null deletes its document
    old("POST", "", {"ids": [1, 5], "vectors": [None, [5, 5]], "attributes": {"name": ["gone", "five"], "n": [None, 5]}})
    old("POST", "", {"upserts": [{"id": 2, "vector": None}]})
    assert old("GET", "") == {
        "ids": [3, 4, 5], "vectors": [[3.0, 3.0], [4.0, 4.0], [5.0, 5.0]],
        "attributes": {"name": ["three", "four", "five"], "n": [3, None, 5]}, "next_cursor": None}
    # the words of today are understood under both spellings
    assert server.ask("POST", "/v1/namespaces/old/query", {"rank_by": ["id", "asc"], "limit": 1})[1]["rows"] == [{"id": 3}]
    assert [row.id for row in client.namespace("old").query(rank_by=("id", "asc"), limit=9).rows] == [3, 4, 5]
    old("POST", "", {"ids": "x", "vectors": []}, want=422)
    old("POST", "", {"ids": [7, 8], "vectors": [[1, 1]]}, want=400)
    old("POST", "", {"ids": [7], "vectors": [[1, 1]], "attributes": 3}, want=422)
    old("POST", "", {"upserts": [{"vector": [1, 1]}]}, want=422)
    old("GET", "?cursor=%%%", want=400)
    old("DELETE", "")
    old("GET", "", want=404)


def test_the_old_export_in_pages(server, client):
    ns = client.namespace("many")
    ids = [f"id-{i:05}" for i in range(2500)]
    ns.write(upsert_columns={"id": ids, "n": list(range(2500))})
    seen, numbers, cursor = [], [], ""
    for _ in range(10):
        page = server.ask("GET", "/v1/namespaces/many" + (f"?cursor={urllib.parse.quote(cursor)}" if cursor else ""))[1]
        seen += page["ids"]
        numbers += page["attributes"]["n"]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert (seen, numbers) == (ids, list(range(2500)))


def test_head_counts_documents_and_dimensions(server, client):
    """As the SDKs of 2024 asked for them."""
    ns = client.namespace("headed")
    ns.write(upsert_rows=[{"id": k, "vector": [0.1] * 5} for k in range(7)], distance_metric="cosine_distance")
    ns.write(deletes=[3])
    client.namespace("flat").write(upsert_rows=[{"id": "a"}])
    for path in ("/v1/namespaces/", "/v1/vectors/", "/v2/namespaces/"):
        for name, expected in (("headed", ("6", "5")), ("flat", ("1", "0"))):
            status, body, fields = server.ask("HEAD", path + name)
            assert status == 200 and body == b""
            assert (fields["x-turbopuffer-approx-num-vectors"], fields["x-turbopuffer-dimensions"]) == expected
        assert server.ask("HEAD", path + "nothing")[0] == 404
    assert "x-turbopuffer-dimensions" not in server.ask("GET", "/v1/namespaces/headed")[2]


def test_too_many_queries_of_one_namespace(store):
    server = Mola(store, "--queries-per-namespace", "1", "--query-wait-ms", "0")
    ns = client_of(server).namespace("busy")
    ns.write(upsert_columns={"id": list(range(2000)), "vector": [[float(i % 7)] * 256 for i in range(2000)]},
             distance_metric="cosine_distance")
    query = {"rank_by": ["vector", "ANN", [1.0] * 256], "limit": 10}
    answers = []

    def ask():
        for _ in range(15):
            answers.append(server.ask("POST", "/v2/namespaces/busy/query", query)[:2])

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused = [body["error"] for status, body in answers if status == 429]
    assert {status for status, _ in answers} == {200, 429}
    assert set(refused) == {"Too many concurrent queries to a single namespace"}
    ns.update_metadata(pinning=True)  # pinned: no limit
    answers.clear()
    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {status for status, _ in answers} == {200}
    assert server.stop() == 0


def test_operations_survive_kill_9(store):
    server = Mola(store, *QUICK)
    fill(client_of(server).namespace("source"), 30, 2)
    seed = 20
    print("seed", seed)
    dice = random.Random(seed)
    was_cut = 0
    for i in range(60):
        if i >= 8 and was_cut:
            break
        name = f"copy-{i}"
        _, body, _ = server.ask("POST", f"/v2/namespaces/{name}/async", {"copy_from_namespace": {"source_namespace": "source"}})
        time.sleep(i % 2 * dice.random() * 0.03)
        server.kill()
        server.start()
        was_cut += server.ask("GET", f"/v1/namespaces/{name}/operations/{body['token']}")[1]["status"] == "running"
        assert finished(server, name, body["token"])["success"]["rows_affected"] == 30
        assert export(server, name)[0] == export(server, "source")[0]
    assert was_cut > 0
    fsck(server)
    assert server.stop() == 0


def test_two_servers_on_one_directory(store):
    first, second = Mola(store, *QUICK), Mola(store, *QUICK)
    source = client_of(first).namespace("source")
    fill(source, 40, 5)
    # Whoever is asked knows how an operation stands, and takes over those of a server that is gone.
    body = {"copy_from_namespace": {"source_namespace": "source"}}
    tokens = {server.ask("POST", "/v2/namespaces/copy/async", body)[1].get("token") for server in (first, second)}
    tokens.discard(None)  # the second may come when the copy is made, and is told 409; at once or by its operation
    results = [finished(second, "copy", token) for token in tokens]
    assert [r["success"]["rows_affected"] for r in results if "success" in r] == [40]
    assert all(r["error"]["status_code"] == 409 for r in results if "error" in r)
    for i in range(4):
        name = f"taken-{i}"
        token = first.ask("POST", f"/v2/namespaces/{name}/async", body)[1]["token"]
        first.kill()
        assert finished(second, name, token)["success"]["rows_affected"] == 40
        first.start()
        assert export(first, name)[0] == export(second, "source")[0]
    # Both branch to the same name: one wins, and both see the same.
    for i in range(4):
        answers = [server.ask("POST", f"/v2/namespaces/race-{i}", {"branch_from_namespace": "source"})[0] for server in (first, second)]
        assert sorted(answers) == [200, 409]
        assert export(first, f"race-{i}")[0] == export(second, f"race-{i}")[0]
    fsck(first)
    assert first.stop() == second.stop() == 0


def test_families_under_a_restless_indexer(store, tmp_path):
    """Random writes, branches, copies, deletions and rebirths, while flushes, merges and collections go on all the time."""
    server = Mola(store, "--cache-dir", tmp_path / "cache", *harness.RESTLESS)
    seed = 31
    print("seed", seed)
    dice = random.Random(seed)
    truth = {}  # name -> {id: n}
    for step in range(150):
        name = f"n{dice.randrange(8)}"
        path = f"/v2/namespaces/{name}"
        if name not in truth:
            others = sorted(truth)
            kind = dice.choice(["copy_from_namespace", "branch_from_namespace"])
            source = dice.choice(others) if others and dice.random() < 0.8 else None
            if source:
                assert server.ask("POST", path, {kind: source})[0] == 200
                truth[name] = dict(truth[source])
            else:
                assert server.ask("POST", path, {"upsert_rows": [{"id": 1, "n": step}]})[0] == 200
                truth[name] = {1: step}
        elif dice.random() < 0.1:
            assert server.ask("DELETE", path)[0] == 200
            del truth[name]
        else:
            ids = dice.sample(range(60), dice.randrange(1, 20))
            gone = dice.sample([i for i in range(60) if i not in ids], 3)
            assert server.ask("POST", path, {"upsert_rows": [{"id": i, "n": step} for i in ids], "deletes": gone})[0] == 200
            truth[name] = {k: v for k, v in {**truth[name], **{i: step for i in ids}}.items() if k not in gone}
        if step % 10 == 9:
            look = dice.choice(sorted(truth))
            assert {r["id"]: r["n"] for r in export(server, look)[0]} == truth[look]
    for name in sorted(truth):
        assert {r["id"]: r["n"] for r in export(server, name)[0]} == truth[name]
    assert server.stop() == 0
    fsck(server)
    server.start()
    for name in sorted(truth):
        assert {r["id"]: r["n"] for r in export(server, name)[0]} == truth[name]
    assert server.stop() == 0
