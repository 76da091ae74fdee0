"""Limits: each passes at its edge and is refused one beyond it, with the words that `mola limits` promises; all of them are settings
with bounds; and docs/limits.md says what the binary says."""
import os
import pathlib
import re
import subprocess

import pytest
from mola import BINARY, ROOT, Mola

ROW = re.compile(r"^\| `(\w+)` \| (\d+) \| (\d+) \| (\d+) \| (.+?) \| (\d+) (.+) \|$", re.MULTILINE)
INDEXED = ("--flush-rows", "1", "--flush-age-ms", "0", "--commit-window-ms", "0")


def mola(*arguments, env=None):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MOLA_")}
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=30, env={**clean, **(env or {})})


def table(*arguments, env=None):
    """name -> (value, least, most, status, text)"""
    done = mola("limits", *arguments, env=env)
    assert done.returncode == 0, done
    rows = ROW.findall(done.stdout)
    assert len(rows) == len(done.stdout.splitlines()) - 2
    return {name: (int(value), int(least), int(most), int(status), text) for name, value, least, most, _, status, text in rows}


LIMITS = table()


def spoken(name, value):
    """The limit as the answer says it."""
    if name not in ("value_bytes", "filterable_bytes", "document_bytes"):
        return str(value)
    for unit in ("bytes", "KiB", "MiB"):
        if value % 1024 or unit == "MiB":
            return f"{value} {unit}"
        value //= 1024


def write(path="/v2/namespaces/$", **body):
    return "POST", path, body


def query(**body):
    return "POST", "/v2/namespaces/$/query", body


def named(count, first=0):
    return {f"a{n}": n for n in range(first, first + count)}


VECTOR = {"upsert_rows": [{"id": n, "vector": [n, 1.0]} for n in range(1, 4)], "distance_metric": "cosine_distance"}
NUMBERS = write(upsert_rows=[{"id": n, "a": n % 3, "b": n, "c": n} for n in range(5)])
TEXT = write(upsert_rows=[{"id": 1, "t": "a fox. a dog. a hen."}], schema={"t": {"type": "string", "full_text_search": True}})
CHARS = {"t": {"type": "string", "filterable": False}}


def vectors(count):
    return write(upsert_rows=[{"id": 1, **{f"v{n}": [1.0] for n in range(count)}}], distance_metric="cosine_distance",
                 schema={f"v{n}": {"type": "[1]f32", "ann": True} for n in range(count)})


def orders(count):
    return query(rank_by=[[name, "asc"] for name in ("a", "b", "c")[:count]], limit=1)


def highlight(limit):
    return query(rank_by=["t", "BM25", "fox"], limit=1,
                 compute_attributes={"h": ["Highlight", "t", {"fragment_limit": limit}]})


# name -> (the limit it is lowered to, requests before, the request of size n)
EDGES = {
    "namespace_documents": (3, [], lambda n: write(upsert_rows=[{"id": k} for k in range(n)])),
    "shards": (5, [], lambda n: write(upsert_rows=[{"id": 1}], sharding={"num_shards": n})),
    "attribute_names": (4, [], lambda n: write(upsert_rows=[{"id": 1, **named(n - 1)}])),
    "attribute_name_bytes": (9, [], lambda n: write(upsert_rows=[{"id": 1, "n" * n: 1}])),
    "vector_attributes": (2, [], vectors),
    "dense_dims": (3, [], lambda n: write(upsert_rows=[{"id": 1, "vector": [1] * n}], distance_metric="cosine_distance")),
    "multi_vector_dims": (3, [], lambda n: write(upsert_rows=[{"id": 1, "m": [[1] * n]}], distance_metric="cosine_distance",
                                                 schema={"m": {"type": f"[][{n}]f32", "ann": {"late_interaction": True}}})),
    "sparse_entries": (3, [], lambda n: write(upsert_rows=[{"id": 1, "s": {str(k): 1 for k in range(n)}}])),
    "id_bytes": (7, [], lambda n: write(upsert_rows=[{"id": "x" * n}])),
    "value_bytes": (2048, [], lambda n: write(upsert_rows=[{"id": 1, "t": "x" * n}], schema=CHARS)),
    "filterable_bytes": (1000, [], lambda n: write(upsert_rows=[{"id": 1, "t": ["", "x" * n]}])),
    "document_bytes": (3072, [], lambda n: write(upsert_rows=[{"id": 1, "t": "x" * (n - 8 - 1000), "u": "y" * 1000}],
                                                 schema={**CHARS, "u": {"type": "string", "filterable": False}})),
    "token_chars": (50, [], lambda n: write(upsert_rows=[{"id": 1, "t": "x"}],
                                            schema={"t": {"type": "string", "full_text_search": {"max_token_length": n}}})),
    "result_rows": (3, [NUMBERS], lambda n: query(rank_by=["id", "asc"], limit=n)),
    "order_attributes": (2, [NUMBERS], orders),
    "computed_attributes": (2, [NUMBERS], lambda n: query(rank_by=["id", "asc"], limit=1, compute_attributes={
        f"c{k}": ["a", "Gt", k] for k in range(n)})),
    "highlight_fragments": (2, [TEXT], highlight),
    "aggregations": (2, [NUMBERS], lambda n: query(aggregate_by={f"c{k}": ["Sum", "b"] for k in range(n)})),
    "subqueries": (2, [NUMBERS], lambda n: query(queries=[{"rank_by": ["id", "asc"], "limit": 1}] * n)),
    "text_query_chars": (10, [TEXT], lambda n: query(rank_by=["t", "BM25", "fox " + "é" * (n - 4)], limit=1)),
    "recall_rows": (2, [write(**VECTOR)], lambda n: ("POST", "/v1/namespaces/$/_debug/recall", {"num": n, "top_k": n})),
    "list_page": (2, [NUMBERS], lambda n: ("GET", f"/v1/namespaces?page_size={n}", None)),
}
ELSEWHERE = {"namespace_bytes", "pinned_namespaces"}  # tests of their own, here and in test_pinning.py


def ask(server, request, name):
    method, path, body = request
    return server.ask(method, path.replace("$", name), body)


@pytest.mark.parametrize("name", EDGES)
@pytest.mark.parametrize("beyond", [0, 1], ids=["at_the_limit", "one_beyond"])
def test_the_edge_of_each_limit(store, name, beyond):
    limit, before, request = EDGES[name]
    *_, status, text = LIMITS[name]
    server = Mola(store, "--limit", f"{name}={limit}")
    try:
        for step in before:
            assert ask(server, step, "n")[0] == 200
        got, body, _ = ask(server, request(limit + beyond), "n")
        if not beyond:
            assert got == 200, body
            return
        assert got == status, body
        wanted = re.escape(text).replace(r"\{\}", re.escape(spoken(name, limit))).replace(r"\*", ".+")
        assert re.fullmatch(wanted, body["error"]), (body, wanted)
        if not before:  # nothing of it was written
            assert server.ask("GET", "/v1/namespaces/n/schema")[0] == 404
    finally:
        assert server.stop() == 0


def test_every_limit_has_its_edge():
    assert set(EDGES) | ELSEWHERE == set(LIMITS)


def test_other_forms_of_the_same_limits(store):
    server = Mola(store, "--limit", "result_rows=3", "--limit=sparse_entries=2", "--limit", "multi_vector_dims=2", "--limit", "shards=2")
    try:
        assert ask(server, NUMBERS, "n")[0] == 200
        two = [{"rank_by": ["id", "asc"], "limit": 2}] * 2
        for request, words in (
                (query(rank_by=["id", "asc"], limit=2, offset=2), "offset + limit must be at most 3"),
                (query(queries=two, rerank_by=["RRF"], limit=4), "limit must be between 1 and 3"),
                (query(queries=two, rerank_by=["RRF"], limit=2, offset=2), "offset + limit must be at most 3"),
                (query(rank_by=["id", "asc"], limit=None), "top_k must be between 1 and 3")):
            status, body, _ = ask(server, request, "n")
            assert (status, body["error"]) == (400, words)
        status, body, _ = ask(server, query(aggregate_by={"c": ["Count"]}, group_by=["b"]), "n")
        assert status == 200 and len(body["aggregation_groups"]) == 3
        status, body, _ = ask(server, query(queries=two, rerank_by=["RRF"]), "n")
        assert status == 200 and len(body["results"][0]["rows"]) == 2
        sparse = {"s": {"type": "{}f16", "sparse_knn": {"distance_metric": "dot_product"}}}
        assert ask(server, write(upsert_rows=[{"id": 1, "s": {"x": 1, "y": 1}}], schema=sparse), "s")[0] == 200
        for count, expected in ((2, 200), (3, 400)):
            rank_by = ["s", "SparseKNN", {str(k): 1 for k in range(count)}]
            status, body, _ = ask(server, query(rank_by=rank_by, limit=1), "s")
            assert status == expected, body
        status, body, _ = ask(server, write(upsert_rows=[{"id": 1, "m": [[1, 2, 3]]}], distance_metric="cosine_distance"), "m")
        assert (status, body["error"]) == (400, "multi-vector has 3 dimensions, the limit is 2")
        status, body, _ = ask(server, write(copy_from_namespace="n", sharding={"num_shards": 3}), "m")
        assert (status, body["error"]) == (400, "sharding.num_shards must be between 1 and 2")
    finally:
        assert server.stop() == 0


def test_documents_are_counted_exactly(store):
    """Updates of a full namespace go on, and so does what takes away at least as much as it adds."""
    server = Mola(store, "--limit", "namespace_documents=4", *INDEXED)
    full = "a namespace can have at most 4 documents"

    def put(status, words=None, **body):
        got, answer, _ = ask(server, write(**body), "n")
        assert got == status and (words is None or answer["error"] == words), answer

    try:
        put(200, upsert_rows=[{"id": k, "a": k} for k in range(4)])
        put(400, full, upsert_rows=[{"id": 4}])
        put(200, upsert_rows=[{"id": k, "a": 9} for k in range(4)])
        put(400, full, upsert_rows=[{"id": 0}, {"id": 5}])
        put(200, upsert_rows=[{"id": 5}], deletes=[0])
        put(200, patch_rows=[{"id": 7, "a": 1}], deletes=[99])
        put(200, delete_by_filter=["a", "Eq", 9], upsert_rows=[{"id": k, "a": 1} for k in (1, 2, 10)])
        put(400, full, delete_by_filter=["a", "Eq", 9], upsert_rows=[{"id": 11}])
        put(200, upsert_rows=[{"id": 11}, {"id": 1, "a": 2}], upsert_condition=["a", "Eq", 7], deletes=[10])
        put(400, full, upsert_rows=[{"id": 12}], upsert_condition=["id", "Eq", None])
        put(200, upsert_rows=[{"id": 1, "a": 5}, {"id": 2, "a": 5}], upsert_condition=["id", "Eq", None])
        status, body, _ = ask(server, query(aggregate_by={"c": ["Count"]}), "n")
        assert status == 200 and body["aggregations"]["c"] == 4
    finally:
        assert server.stop() == 0
    server = Mola(store, "--limit", "namespace_documents=2", *INDEXED)  # lowered: what is there stays
    try:
        put(200, upsert_rows=[{"id": 1, "a": 6}])
        put(200, deletes=[1])
        put(400, "a namespace can have at most 2 documents", upsert_rows=[{"id": 1}])
        put(200, patch_rows=[{"id": 2, "a": 6}])
    finally:
        assert server.stop() == 0


def test_a_large_namespace_takes_no_more(store):
    server = Mola(store, "--limit", "namespace_bytes=10K")
    try:
        status, count = 200, 0
        while status == 200 and count < 100:
            status, body, _ = ask(server, write(upsert_rows=[{"id": count, "t": os.urandom(500).hex()}]), "n")
            count += 1
        assert (status, body["error"]) == (400, "a namespace can have at most 10240 bytes")
        assert 8 <= count <= 30
        assert ask(server, write(patch_rows=[{"id": 1, "a": 1}]), "n")[0] == 400
        assert ask(server, write(deletes=[1]), "n")[0] == 200
    finally:
        assert server.stop() == 0


def test_lowering_a_limit_leaves_what_is_there(store):
    schema = {"t": {"type": "string", "full_text_search": {"max_token_length": 200}}, "long" * 20: "int"}
    row = {"id": "i" * 64, "t": "x" * 5000, "vector": [1.0] * 9, "long" * 20: 1, "s": {str(k): 1 for k in range(9)}}
    server = Mola(store)
    assert ask(server, write(upsert_rows=[row], distance_metric="cosine_distance", schema=schema), "n")[0] == 200
    assert server.stop() == 0
    low = [word for limit in ("attribute_names=2", "attribute_name_bytes=3", "dense_dims=2", "token_chars=20", "sparse_entries=2",
                              "value_bytes=100", "id_bytes=8", "document_bytes=4K") for word in ("--limit", limit)]
    server = Mola(store, *low)
    try:
        status, body, _ = ask(server, query(rank_by=["id", "asc"], limit=1, include_attributes=True), "n")
        assert status == 200 and body["rows"] == [row]
        assert ask(server, write(upsert_rows=[{"id": "a", "vector": [2.0] * 9, "long" * 20: 2}]), "n")[0] == 200
        assert ask(server, write(schema={"t": {"type": "string", "full_text_search": {"b": 0.5}}}), "n")[0] == 200
        assert ask(server, write(patch_rows=[{"id": "a", "x": 1}]), "n")[0] == 400
        assert ask(server, write(patch_rows=[{"id": row["id"], "long" * 20: 1}]), "n")[0] == 400  # of ids, too
    finally:
        assert server.stop() == 0


def test_what_is_not_said_keeps_to_low_limits(store):
    """Defaults of requests are no larger than the limits."""
    server = Mola(store, "--limit", "result_rows=2", "--limit", "recall_rows=2", "--limit", "list_page=2")
    try:
        for name in "abc":
            assert ask(server, write(**VECTOR), name)[0] == 200
        status, body, _ = server.ask("GET", "/v1/namespaces")
        assert status == 200 and [n["id"] for n in body["namespaces"]] == ["a", "b"] and body["next_cursor"]
        status, body, _ = server.ask("POST", "/v1/namespaces/a/_debug/recall", {})
        assert status == 200 and body["avg_exhaustive_count"] == 2.0
        status, body, _ = server.ask("POST", "/v1/vectors/a/query", {"vector": [1.0, 1.0]})
        assert status == 200 and len(body) == 2
        status, page, _ = server.ask("GET", "/v1/namespaces/a")
        assert status == 200 and page["ids"] == [1, 2]
        status, page, _ = server.ask("GET", f"/v1/namespaces/a?cursor={page['next_cursor']}")
        assert status == 200 and page["ids"] == [3] and page["next_cursor"] is None
    finally:
        assert server.stop() == 0


def test_limits_can_be_raised(store):
    server = Mola(store, "--limit", "result_rows=12000", "--limit", "filterable_bytes=10K", "--limit", "text_query_chars=9000")
    try:
        assert ask(server, write(upsert_columns={"id": list(range(11000))}), "n")[0] == 200
        status, body, _ = ask(server, query(rank_by=["id", "asc"], limit=11500), "n")
        assert status == 200 and len(body["rows"]) == 11000
        text = "word " * 1700
        assert ask(server, write(upsert_rows=[{"id": k, "t": text + str(k)} for k in range(9)],
                                 schema={"t": {"type": "string", "filterable": True, "full_text_search": True}}), "t")[0] == 200
        status, body, _ = ask(server, query(rank_by=["t", "desc"], limit=9, filters=["t", "Gte", text + "3"]), "t")
        assert status == 200 and [row["id"] for row in body["rows"]] == [8, 7, 6, 5, 4, 3]
        assert ask(server, query(rank_by=["t", "BM25", text], limit=1), "t")[0] == 200
    finally:
        assert server.stop() == 0


def test_strong_queries_wait_for_the_indexer(store):
    server = Mola(store, "--unindexed-bytes-max", "1000", "--indexer", "off")
    try:
        rows = [{"id": k, "t": os.urandom(20).hex()} for k in range(50)]
        assert ask(server, write(upsert_rows=rows), "n")[0] == 200
        assert ask(server, write(upsert_rows=rows), "n")[0] == 429
        assert ask(server, write(upsert_rows=rows, disable_backpressure=True), "n")[0] == 200
        status, body, _ = ask(server, query(rank_by=["id", "asc"], limit=1), "n")
        assert status == 429 and re.search(r"not indexed yet, more than the limit of 1000", body["error"])
        status, body, _ = ask(server, query(rank_by=["id", "asc"], limit=1, consistency={"level": "eventual"}), "n")
        assert status == 200 and len(body["rows"]) == 1
        assert ask(server, ("GET", "/v1/namespaces/$/metadata", None), "n")[0] == 200
    finally:
        assert server.stop() == 0


# Settings.

@pytest.mark.parametrize("name", LIMITS)
def test_bounds_of_each_setting(name):
    _, least, most, *_ = LIMITS[name]
    for value in (least, most):
        assert table("--limit", f"{name}={value}")[name][0] == value
        assert table(env={f"MOLA_LIMIT_{name.upper()}": str(value)})[name][0] == value
    for value in [most + 1] + ([least - 1] if least else []):
        for done in (mola("serve", "--store", "mem:", "--limit", f"{name}={value}"),
                     mola("limits", env={f"MOLA_LIMIT_{name.upper()}": str(value)})):
            assert done.returncode == 2 and f"limit {name} must be between {least} and {most}" in done.stderr


@pytest.mark.parametrize("arguments, words", [
    (["--limit"], "--limit needs a value"),
    (["--limit", "result_rows"], 'limit: "result_rows" is not NAME=VALUE'),
    (["--limit", "nonsense=1"], 'there is no limit "nonsense"'),
    (["--limit", "=1"], 'there is no limit ""'),
    (["--limit", "result_rows="], 'limit result_rows: "" is not a number'),
    (["--limit", "result_rows=-1"], 'limit result_rows: "-1" is not a number'),
    (["--limit", "result_rows=many"], 'limit result_rows: "many" is not a number'),
    (["--limits", "result_rows=1"], "unknown argument --limits"),
])
def test_wrong_limits_end_with_2_and_a_reason(arguments, words):
    for command in ("serve", "index", "limits"):
        done = mola(command, *arguments, env={"MOLA_STORE": "mem:"})
        assert done.returncode == 2 and words in done.stderr and done.stdout == "", done


def test_the_last_flag_wins_over_the_first_and_over_the_twin():
    env = {"MOLA_LIMIT_RESULT_ROWS": "7", "MOLA_LIMIT_VALUE_BYTES": "2K"}
    seen = table("--limit", "result_rows=8", "--limit=result_rows=9", env=env)
    assert (seen["result_rows"][0], seen["value_bytes"][0]) == (9, 2048)


def test_the_documented_table_is_the_real_one():
    text = (pathlib.Path(ROOT) / "docs/limits.md").read_text()
    assert mola("limits").stdout in text
    settings = mola("serve", "--help").stdout
    flags = re.findall(r"^\| `(--[a-z-]+)` ", text, re.MULTILINE)
    assert len(flags) >= 8 and all(f"\n  {flag} N (" in settings for flag in flags)
