"""The official Python SDK, unmodified, against the real binary."""
import base64
import datetime
import struct
import uuid

import numpy as np
import pytest
import turbopuffer
from mola import Mola


@pytest.fixture
def client(server):
    return turbopuffer.Turbopuffer(api_key="tpuf_anything", base_url=server.base_url)


def scan(ns):
    return ns.query(rank_by=("id", "asc"), limit=10000, include_attributes=True).rows


def plain(row):
    return {k: v for k, v in row.model_dump().items() if v is not None}


EVERY_TYPE = {
    "id": 7, "s": "straße 日本 🐡", "n": -2**63, "u": 2**64 - 1, "f": 0.1, "b": True,
    "g": "01234567-89ab-cdef-0123-456789abcdef", "d": "2024-03-02T12:30:15.125000000Z", "raw": "aGVsbG8=",
    "ss": ["a", "", "c"], "ns": [1, -2, 2**53 + 1], "us": [0, 2**64 - 1], "fs": [0.5, 1e300], "bs": [True, False],
    "gs": ["01234567-89ab-cdef-0123-456789abcdef"], "ds": ["1969-12-31T23:59:59.500000000Z"],
}
TYPES = {"u": "uint", "f": "float", "g": "uuid", "d": "datetime", "raw": "bytes", "us": "[]uint", "fs": "[]float",
         "gs": "[]uuid", "ds": "[]datetime"}


def test_every_type_round_trips_exactly_also_after_a_restart(server, client):
    ns = client.namespace("types")
    ns.write(upsert_rows=[EVERY_TYPE], schema=TYPES)
    assert plain(scan(ns)[0]) == EVERY_TYPE
    server.kill()
    server.start()
    assert plain(scan(ns)[0]) == EVERY_TYPE
    schema = ns.schema()
    assert {k: schema[k].type for k in TYPES} == TYPES
    assert schema["ns"].type == "[]int" and schema["s"].type == "string" and schema["id"].type == "uint"


def test_rows_and_columns_overwrite_whole_documents(client):
    ns = client.namespace("rows")
    answer = ns.write(upsert_columns={"id": [1, 2, 3], "vector": [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]],
                                      "a": ["x", None, "z"], "n": [1, 2, None]},
                      distance_metric="euclidean_squared")
    assert (answer.rows_affected, answer.rows_upserted) == (3, 3)
    rows = {r.id: plain(r) for r in scan(ns)}
    assert rows[1] == {"id": 1, "vector": [0.1, 0.2], "a": "x", "n": 1}
    assert "a" not in rows[2] and "n" not in rows[3]
    ns.write(upsert_rows=[{"id": 1, "vector": [0.7, 0.7], "b": True}])
    assert plain(scan(ns)[0]) == {"id": 1, "vector": [0.7, 0.7], "b": True}
    assert ns.write(deletes=[2, 99]).rows_affected == 2
    assert [r.id for r in scan(ns)] == [1, 3]


def test_vectors_travel_as_base64_in_two_columns(client):
    ns = client.namespace("two")
    schema = {"vector": {"type": "[2]f32", "ann": True}, "other": {"type": "[3]f32", "ann": True},
              "half": {"type": "[2]f16", "ann": True}, "tiny": {"type": "[2]i8", "ann": True}}
    ns.write(upsert_rows=[{"id": 1, "vector": [0.1, 0.7], "other": [1.0, 2.0, 3.0], "half": [0.5, 0.123456789],
                           "tiny": [-128, 127]},
                          {"id": 2, "vector": base64.b64encode(struct.pack("<2f", 0.5, 1.0)).decode(),
                           "other": [1, 2, 4], "half": [1.0, 2.0], "tiny": [0, 1]}],
             schema=schema, distance_metric="euclidean_squared")
    first, second = map(plain, scan(ns))
    assert first["vector"] == [0.1, 0.7] and first["tiny"] == [-128, 127] and first["half"][0] == 0.5
    assert abs(first["half"][1] - 0.12347412) < 1e-8
    assert second["vector"] == [0.5, 1.0]
    near = ns.query(rank_by=("other", "ANN", [1.0, 2.0, 4.5]), limit=2).rows
    assert [(r.id, r["$dist"]) for r in near] == [(2, 0.25), (1, 2.25)]
    encoded = ns.query(rank_by=("id", "asc"), limit=1, include_attributes=["vector", "half", "tiny"],
                       vector_encoding="base64").rows[0]
    assert base64.b64decode(encoded.vector) == struct.pack("<2f", 0.1, 0.7)
    assert len(base64.b64decode(encoded["half"])) == 4 and len(base64.b64decode(encoded["tiny"])) == 2


def test_zero_vector_under_cosine_is_kept_and_sorts_last(client):
    ns = client.namespace("zero")
    ns.write(upsert_rows=[{"id": 1, "vector": [0.0, 0.0]}, {"id": 2, "vector": [1.0, 0.0]},
                          {"id": 3, "vector": [2.0, 0.0]}, {"id": 4, "vector": [-1.0, 0.0]}],
             distance_metric="cosine_distance")
    rows = ns.query(rank_by=("vector", "ANN", [3.0, 0.0]), limit=10).rows
    assert [r.id for r in rows] == [2, 3, 4, 1]
    assert [r["$dist"] for r in rows] == [0.0, 0.0, 2.0, None]


@pytest.mark.parametrize("ids", [[0, 2**53 + 1, 2**64 - 1], ["", "a", "a" * 64, "é"],
                                 [str(uuid.UUID(int=i << 96)) for i in (1, 2, 3)]])
def test_ids_of_every_kind_round_trip(client, ids):
    ns = client.namespace("ids")
    kind = {"schema": {"id": "uuid"}} if len(str(ids[0])) == 36 else {}
    ns.write(upsert_rows=[{"id": i, "k": n} for n, i in enumerate(ids)], **kind)
    assert [r.id for r in scan(ns)] == sorted(ids, key=lambda i: i if isinstance(i, int) else i.encode())
    for n, i in enumerate(ids):
        assert [r["k"] for r in ns.query(filters=("id", "Eq", i), rank_by=("id", "asc"), limit=1,
                                         include_attributes=["k"]).rows] == [n]
    assert ns.write(deletes=[ids[-1]]).rows_affected == 1
    assert len(scan(ns)) == len(ids) - 1


def test_billing_and_performance_are_complete(client, indexing):
    ns = client.namespace("bill")
    ns.write(upsert_rows=[{"id": i, "vector": [0.1 * i, 0.2], "hello": "world"} for i in range(1, 6)],
             distance_metric="euclidean_squared")
    answer = ns.query(rank_by=("vector", "ANN", [0.8, 0.7]), limit=5, include_attributes=["vector", "hello"])
    assert answer.billing.billable_logical_bytes_queried == 256000000
    assert answer.billing.billable_logical_bytes_returned == 5 * (8 + 4 + 8 + 5)
    p = answer.performance
    assert p.approx_namespace_size == 5 and p.exhaustive_search_count == 5
    # A flush in between puts the rows where they must be fetched from first.
    assert p.cache_temperature == "hot" or (indexing and p.cache_temperature in ("warm", "cold"))
    assert type(p.cache_hit_ratio) is float and p.server_total_ms > 0 and p.query_execution_ms > 0


def test_errors_have_their_class_and_text(client):
    ns = client.namespace("errors")
    with pytest.raises(turbopuffer.NotFoundError, match="namespace 'errors' was not found"):
        ns.query(rank_by=("id", "asc"), limit=1)
    with pytest.raises(turbopuffer.UnprocessableEntityError, match="upsert_rows: invalid type: map, expected a sequence"):
        ns.write(upsert_rows={"id": 1})
    with pytest.raises(turbopuffer.BadRequestError, match="distance_metric must be specified"):
        ns.write(upsert_rows=[{"id": 1, "vector": [1.0]}])
    ns.write(upsert_rows=[{"id": 1, "tags": ["a"]}])
    with pytest.raises(turbopuffer.BadRequestError, match="duplicate document IDs"):
        ns.write(upsert_rows=[{"id": 2}, {"id": 2}])
    with pytest.raises(turbopuffer.UnprocessableEntityError, match='invalid type: string "eventual", expected struct Consistency'):
        ns.query(rank_by=("id", "asc"), limit=1, consistency="eventual")
    with pytest.raises(turbopuffer.BadRequestError, match="rank_by queries must specify top_k or limit"):
        ns.query(rank_by=("id", "asc"))
    with pytest.raises(turbopuffer.BadRequestError, match="Malformed Cloud KMS crypto key: mykey"):
        client.namespace("kms").write(upsert_rows=[{"id": 1}], encryption={"mode": "customer-managed", "key_name": "mykey"})
    assert not client.namespace("kms").exists()
    with pytest.raises(turbopuffer.ConflictError, match="namespace 'errors' is not empty"):
        ns.write(copy_from_namespace="errors")
    assert [r.id for r in scan(ns)] == [1]


def test_lifecycle_create_delete_and_create_again(server, client):
    ns = client.namespace("life")
    assert not ns.exists()
    with pytest.raises(turbopuffer.NotFoundError):
        ns.write(upsert_rows=[{"id": 1}], create_namespace=False)
    assert not ns.exists()
    ns.write(upsert_rows=[{"id": 1, "a": 1}])
    assert ns.exists() and ns.schema()["a"].type == "int"
    ns.delete_all()
    assert not ns.exists()
    with pytest.raises(turbopuffer.NotFoundError):
        ns.delete_all()
    ns.write(upsert_rows=[{"id": "text", "a": "text"}])
    assert [plain(r) for r in scan(ns)] == [{"id": "text", "a": "text"}]
    server.kill()
    server.start()
    assert [plain(r) for r in scan(ns)] == [{"id": "text", "a": "text"}]
    empty = client.namespace("empty")
    empty.write(create_namespace=True, schema={"id": "uint"})
    assert empty.exists() and scan(empty) == []


def test_namespaces_are_listed_in_pages(client):
    names = sorted(f"list-{i:02d}" for i in range(12))
    for name in names:
        client.namespace(name).write(upsert_rows=[{"id": 1}])
    client.namespace("other").write(upsert_rows=[{"id": 1}])
    assert [n.id for n in client.namespaces(prefix="list-", page_size=5)] == names
    first = client.namespaces(prefix="list-", page_size=5)
    assert len(first.namespaces) == 5 and first.next_cursor
    client.namespace("list-03").delete_all()
    assert [n.id for n in client.namespaces(prefix="list-", page_size=1)] == [n for n in names if n != "list-03"]


def test_metadata_has_exactly_its_members(client):
    ns = client.namespace("meta")
    ns.write(upsert_rows=[{"id": 1, "vector": [0.1, 0.2], "t": "x"}], distance_metric="cosine_distance",
             schema={"t": {"type": "string", "full_text_search": True}})
    raw = ns.with_raw_response.metadata().json()
    assert set(raw) == {"schema", "approx_logical_bytes", "approx_row_count", "created_at", "updated_at", "last_write_at",
                        "encryption", "index"}
    assert raw["approx_row_count"] in (0, 1)  # of segments: an indexer may have been fast
    assert raw["encryption"] == {"mode": "default"} and raw["index"] == {"status": "up-to-date"}
    assert raw["schema"]["vector"] == {"type": "[2]f32", "ann": {"distance_metric": "cosine_distance"}}
    assert raw["schema"]["id"] == {"type": "uint"}
    when = datetime.datetime.fromisoformat(raw["created_at"].replace("000Z", "+00:00"))
    assert abs((datetime.datetime.now(datetime.timezone.utc) - when).total_seconds()) < 3600
    view = ns.with_raw_response.schema().json()
    assert view["vector"] == {"type": "[2]f32", "ann": True, "filterable": None, "full_text_search": None}
    assert view["t"]["filterable"] is False and view["t"]["full_text_search"]["tokenizer"] == "word_v4"
    changed = ns.update_schema(schema={"t": {"type": "string", "filterable": True}})
    assert changed["t"].filterable is True
    hint = ns.hint_cache_warm()
    assert hint.status in ("ACCEPTED", "OK") and isinstance(hint.message, str)


def test_read_only_is_ordered_with_the_writes(client):
    ns = client.namespace("ro")
    ns.write(upsert_rows=[{"id": 1}])
    ns.update_metadata(read_only=True)
    with pytest.raises(turbopuffer.BadRequestError, match="Writes not permitted. This namespace is read-only."):
        ns.write(upsert_rows=[{"id": 2}])
    assert [r.id for r in scan(ns)] == [1]
    ns.update_metadata(read_only=False)
    ns.write(upsert_rows=[{"id": 2}])
    assert [r.id for r in scan(ns)] == [1, 2]


def test_compression_is_done_when_asked_and_large(server):
    squeezed = turbopuffer.Turbopuffer(api_key="k", base_url=server.base_url, compression=True)
    ns = squeezed.namespace("gzip")
    ns.write(upsert_rows=[{"id": i, "vector": [float(i % 7)] * 4096} for i in range(2)],
             distance_metric="euclidean_squared")
    raw = ns.with_raw_response.query(rank_by=("id", "asc"), limit=2, include_attributes=True)
    assert raw.headers.get("content-encoding") == "gzip"
    assert len(raw.parse().rows[1].vector) == 4096
    small = ns.with_raw_response.query(rank_by=("id", "asc"), limit=1)
    assert "content-encoding" not in small.headers
    plain_client = turbopuffer.Turbopuffer(api_key="k", base_url=server.base_url, compression=False)
    raw = plain_client.namespace("gzip").with_raw_response.query(rank_by=("id", "asc"), limit=2, include_attributes=True)
    assert "content-encoding" not in raw.headers


def test_region_in_the_path_and_telemetry(server):
    client = turbopuffer.Turbopuffer(api_key="k", region="gcp-us-central1", base_url=server.base_url + "/{region}",
                                     telemetry=True)
    ns = client.namespace("region")
    for i in range(3):
        ns.write(upsert_rows=[{"id": i}])
    raw = ns.with_raw_response.query(rank_by=("id", "asc"), limit=3)
    assert len(raw.parse().rows) == 3 and raw.headers["x-request-id"]


def test_patches_and_filters(client):
    ns = client.namespace("patch")
    ns.write(upsert_rows=[{"id": i, "n": i, "tags": ["even" if i % 2 == 0 else "odd", f"t{i}"]} for i in range(10)])
    answer = ns.write(patch_rows=[{"id": 3, "extra": "x"}, {"id": 99, "extra": "y"}, {"id": 4, "n": None}],
                      return_affected_ids=True)
    assert answer.rows_patched == 2 and answer.patched_ids == [3, 4]
    find = lambda f: [r.id for r in ns.query(filters=f, rank_by=("id", "asc"), limit=100).rows]
    assert find(("extra", "Eq", "x")) == [3]
    assert find(("n", "Lt", 2)) == [0, 1, 4]
    assert find(("tags", "Contains", "even")) == [0, 2, 4, 6, 8]
    assert find(("And", [("n", "Gte", 3), ("Not", ("n", "In", [5, 7, 9]))])) == [3, 6, 8]
    by_n = ns.query(rank_by=("n", "desc"), limit=3, filters=("tags", "Contains", "odd")).rows
    assert [r.id for r in by_n] == [9, 7, 5]


def test_exact_search_equals_numpy_with_duplicates_zeros_and_ties(client):
    rng = np.random.default_rng(7)
    data = rng.standard_normal((10000, 768)).astype(np.float32)
    data[100:200] = data[0]  # duplicates: equal distances, ordered by id
    data[300:310] = 0
    data[400:500] = np.round(data[400:500])
    for metric in ("euclidean_squared", "cosine_distance"):
        ns = client.namespace("exact-" + metric)
        for start in range(0, 10000, 1000):
            ns.write(upsert_columns={"id": list(range(start, start + 1000)), "vector": data[start:start + 1000].tolist()},
                     distance_metric=metric)
        wide = data.astype(np.float64)
        for query in (data[0], data[301] + 1e-3, rng.standard_normal(768).astype(np.float32), data[450]):
            q = query.astype(np.float64)
            if metric == "euclidean_squared":
                want = ((wide - q) ** 2).sum(axis=1).astype(np.float32)
            else:
                with np.errstate(invalid="ignore", divide="ignore"):
                    similarity = (wide @ q) / (np.linalg.norm(wide, axis=1) * np.linalg.norm(q))
                want = (1.0 - similarity.astype(np.float32).astype(np.float64)).astype(np.float32)
                want[np.isnan(want)] = np.inf
            rows = ns.query(rank_by=("vector", "ANN", query.tolist()), limit=250).rows
            got = np.array([np.inf if r["$dist"] is None else r["$dist"] for r in rows], dtype=np.float32)
            order = np.lexsort((np.arange(10000), want))[:250]
            np.testing.assert_allclose(got, want[order], rtol=2e-6, atol=2e-6)
            ids = [r.id for r in rows]
            for a, b in zip(range(249), range(1, 250)):  # sorted by what was answered, ties by id
                assert (got[a], ids[a]) < (got[b], ids[b])
            assert set(ids[:200]) - set(order.tolist()) == set()


def test_answers_survive_a_kill_between_writes(server, client):
    ns = client.namespace("kill")
    for n in range(5):
        ns.write(upsert_rows=[{"id": i, "n": n} for i in range(n * 10, n * 10 + 10)])
        server.kill()
        server.start()
    assert [r.id for r in scan(ns)] == list(range(50))


def test_equal_distances_give_the_same_bytes_under_every_kernel(store, indexing):
    answers = set()
    with_kernels = ["scalar", "avx2", "avx512"]
    for kernel in with_kernels:
        try:
            server = Mola(store, *indexing, "--kernel", kernel)
        except AssertionError:
            assert kernel != "scalar"  # this CPU cannot run it
            continue
        rows = [{"id": i, "vector": [((i % 17) * 31 + d * 7) % 13 / 8 for d in range(96)]} for i in range(2000)]
        if not answers:
            assert server.ask("POST", "/v2/namespaces/ties", {"upsert_rows": rows,
                                                              "distance_metric": "cosine_distance"})[0] == 200
        status, body, _ = server.ask("POST", "/v2/namespaces/ties/query", {
            "rank_by": ["vector", "ANN", [d % 5 / 3 for d in range(96)]], "limit": 300})
        assert status == 200 and len({row["$dist"] for row in body["rows"]}) <= 17
        answers.add(str(body["rows"]))
        assert server.stop() == 0
    assert len(answers) == 1
