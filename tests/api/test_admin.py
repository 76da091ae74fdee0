"""Branches, copies and operations through the official Python SDK, against the real binary: also with kill -9 in the
middle, and with two servers on one directory."""
import random
import subprocess
import time

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


def test_operations_survive_kill_9(store):
    server = Mola(store, *QUICK)
    fill(client_of(server).namespace("source"), 30, 2)
    seed = 20
    print("seed", seed)
    dice = random.Random(seed)
    was_cut = 0
    for i in range(8):
        name = f"copy-{i}"
        _, body, _ = server.ask("POST", f"/v2/namespaces/{name}/async", {"copy_from_namespace": {"source_namespace": "source"}})
        time.sleep(dice.random() * 0.03)
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
    tokens.discard(None)  # the second may come when the copy is made, and is told 409
    for token in tokens:
        assert finished(second, "copy", token)["success"]["rows_affected"] == 40
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
