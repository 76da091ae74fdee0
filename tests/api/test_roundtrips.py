"""Round trips to the store: how many each kind of query waits for, cold and warm, on a namespace in segments.

Performance says how many batches of requests a query sent to the store one after the other. A cold query also pays
for the manifest and the tail of the log."""
import random

import pytest
from segment_store import DIMS, SCHEMA, copy, must_index, serve, write

ROWS, BATCH = 20000, 2500
NEAR = [0.25] * DIMS
QUERIES = {  # the query, round trips at most: cold, warm
    "id lookup": ({"filters": ["id", "Eq", 12345], "rank_by": ["id", "asc"], "limit": 1, "include_attributes": True}, 5, 1),
    "filtered order-by": ({"filters": ["kind", "Eq", "kind 3"], "rank_by": ["price", "asc"], "limit": 10,
                           "include_attributes": ["price", "title"]}, 4, 1),
    "order-by": ({"rank_by": ["price", "desc"], "limit": 10, "include_attributes": ["price"]}, 4, 1),
    "count": ({"filters": ["kind", "Eq", "kind 3"], "aggregate_by": {"many": ["Count"]}}, 4, 1),
    "exact kNN with a filter": ({"filters": ["kind", "Eq", "kind 3"], "rank_by": ["v", "kNN", NEAR], "limit": 10}, 4, 2),
}


def document(chance, number):
    return {"id": number, "v": [chance.randrange(-64, 64) / 8 for _ in range(DIMS)], "n": chance.randrange(1000),
            "price": chance.randrange(1 << 24) / 64, "kind": f"kind {chance.randrange(50)}", "open": chance.random() < 0.5,
            "when": f"2026-{chance.randrange(1, 13):02d}-01T00:00:00Z", "tags": [f"t{chance.randrange(50)}" for _ in range(2)],
            "title": chance.randbytes(20).hex()}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    store, chance = f"file:{tmp_path_factory.mktemp('trips')}/data", random.Random(8)
    server = serve(store)
    schema = {**SCHEMA["schema"], "title": {"type": "string", "filterable": False}}
    documents = []
    for start in range(0, ROWS, BATCH):
        batch = [document(chance, i) for i in range(start, start + BATCH)]
        write(server, "trips", upsert_rows=batch, schema=schema)
        documents += batch
    assert server.stop() == 0
    must_index(store)
    return store, documents


def expected(documents, name):
    of_kind = [d for d in documents if d["kind"] == "kind 3"]
    if name == "id lookup":
        return [12345]
    if name == "filtered order-by":
        return [d["id"] for d in sorted(of_kind, key=lambda d: d["price"])[:10]]
    if name == "order-by":
        return [d["id"] for d in sorted(documents, key=lambda d: -d["price"])[:10]]
    if name == "count":
        return len(of_kind)
    distance = lambda d: sum((a - b) ** 2 for a, b in zip(d["v"], NEAR))
    return [d["id"] for d in sorted(of_kind, key=lambda d: (distance(d), d["id"]))[:10]]


def test_a_tail_of_patches_is_replayed_with_few_round_trips(prepared, tmp_path):
    """Each patch lies over a row in a segment; a reader that opens the namespace cold fetches those of many entries at
    once, and a group of writers looks their rows up together."""
    store, documents = copy(prepared[0].removeprefix("file:"), tmp_path / "data"), prepared[1]
    server = serve(store, "--fence-seconds", "60")
    patched = [137 * i for i in range(60)]
    for i in patched:
        write(server, "trips", patch_rows=[{"id": i, "n": -i}])
    assert server.stop() == 0
    server = serve(store, "--fence-seconds", "60")
    status, body, _ = server.ask("POST", "/v2/namespaces/trips/query", {
        "filters": ["id", "In", patched], "rank_by": ["id", "asc"], "limit": 100, "include_attributes": ["n", "v", "title"]})
    assert status == 200, body
    assert body["rows"] == [{"id": i, "n": -i, "v": documents[i]["v"], "title": documents[i]["title"]} for i in patched]
    print(body["performance"]["storage_roundtrips"], "round trips")
    assert body["performance"]["storage_roundtrips"] <= 20  # three for each doubling of the batch of entries; one by one they were 73
    assert server.stop() == 0


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_waits_for_no_more_round_trips_than_stated(prepared, name):
    store, documents = prepared
    query, cold_most, warm_most = QUERIES[name]
    server = serve(store, "--fence-seconds", "60")
    counts = []
    for most in (cold_most, warm_most):
        status, body, _ = server.ask("POST", "/v2/namespaces/trips/query", query)
        assert status == 200, body
        got = body["aggregations"]["many"] if name == "count" else [r["id"] for r in body["rows"]]
        assert got == expected(documents, name)
        counts.append(body["performance"]["storage_roundtrips"])
    print(f"{name}: {counts[0]} round trips cold, {counts[1]} warm")
    assert counts[0] <= cold_most and counts[1] <= warm_most
    assert server.stop() == 0
