"""What users do with an SDK beside single calls: retries, timeouts, compression, raw answers, pages of names, other clients."""
from dsl import (ANY, Check, Has, Rows, all_ids, all_rows, exists, fails, group, http, ids, op, put, query, raises, raw, rows, together,
                 write)

add = group("transport")
TRIES = {"max_retries": 4}

# Retries, through a proxy that fails.
for fault in ("busy", "limited", "reset"):
    add(f"retried_when_{fault}", put({"id": 1}).but(client={"through": fault, **TRIES}),
        ids([1], rank_by=["id", "asc"], limit=1).but(client={"through": fault, **TRIES}), all_ids(1), items=30)
add("lost_answers_are_asked_again", put({"id": 1, "a": 1}).but(client={"through": "lost", **TRIES}), all_rows({"id": 1, "a": 1}),
    write(deletes=[1], affected=1).but(client={"through": "lost", **TRIES}), all_rows(),
    write(create_namespace=True, schema={"id": "uint"}, ns="b", affected=0).but(client={"through": "lost", **TRIES}), exists(True, ns="b"),
    put({"id": 1, "x": 1, "y": 2}, ns="c"), write(schema={"x": {"drop": True}}, ns="c").but(client={"through": "lost", **TRIES}),
    all_rows({"id": 1, "y": 2}, ns="c"), items=30)
add("no_retry_when_told_so", fails(409, "attempt 1", put({"id": 1}).but(client={"through": "refused", **TRIES})),
    fails(409, "attempt 2", put({"id": 1}).but(client={"through": "refused", **TRIES})), items=30)
add("refusals_are_not_retried", fails(400, "", put({"id": 1, "x": 0.5}).but(client={"through": "seen", **TRIES})),
    fails(422, "", query(rank_by="id", limit=1).but(client={"through": "seen", **TRIES})),
    fails(404, "", query(rank_by=["id", "asc"], limit=1).but(client={"through": "seen", **TRIES})), items=30)
add("slow_answers_time_out", put({"id": 1}), raises("timeout",
    query(rank_by=["id", "asc"], limit=1).but(client={"through": "slow", "timeout": 0.4})),
    items=30)
add("after_a_timeout_it_is_tried_again", put({"id": 1}).but(client={"through": "slow", "timeout": 1.2, **TRIES}), all_ids(1), items=30)
add("nobody_listens", raises("connection", query(rank_by=["id", "asc"], limit=1).but(client={"closed": True})),
    raises("connection", put({"id": 1}).but(client={"closed": True})), items=30)

# Compression and raw answers.
LARGE = [{"id": n, "vector": [n + 0.5] * 512} for n in (1, 2)]
ZIPPED = {"compression": True}
NO_GZIP = {"java": "it has no option for compression"}


def headers(**wanted):
    return Check(lambda seen: all(seen.get(name.replace("_", "-")) == value for name, value in wanted.items()), f"headers with {wanted}")


def says(*parts):
    return Check(lambda text: all(part in text.replace(" ", "") for part in parts), f"a text with {parts}")


def says_not(*parts):
    return Check(lambda text: not any(part in text for part in parts), f"a text without {parts}")


PLAIN = Check(lambda seen: "content-encoding" not in seen and "x-answer-encoding" not in seen, "headers without a content-encoding")
add("compressed_requests", raw(put(*LARGE, distance_metric="euclidean_squared").but(client={"through": "seen", **ZIPPED}),
                               headers(x_seen_content_encoding="gzip")),
    raw(query(rank_by=["id", "asc"], limit=1).but(client={"through": "seen", **ZIPPED}), Check(
        lambda seen: "x-seen-content-encoding" not in seen, "a small request as it is")), all_rows(*LARGE), items=26, without=NO_GZIP)
add("compressed_answers", put(*LARGE, distance_metric="euclidean_squared").but(client=ZIPPED),
    raw(query(rank_by=["id", "asc"], limit=2, include_attributes=True).but(client={"through": "seen", **ZIPPED}),
        headers(x_answer_encoding="gzip")),
    raw(query(rank_by=["id", "asc"], limit=1).but(client={"through": "seen", **ZIPPED}), PLAIN),
    raw(query(rank_by=["id", "asc"], limit=2, include_attributes=True), PLAIN), all_rows(*LARGE).but(client=ZIPPED), items=26,
    without=NO_GZIP)
add("raw_answers", raw(put({"id": 1, "a": "x"})), raw(rows([{"id": 1, "a": "x"}], rank_by=["id", "asc"], limit=1, include_attributes=True),
                                                      headers(content_type="application/json")), items=26)
add("numbers_as_text", put({"id": 1, "vector": [0.7, 0.1]}, distance_metric="euclidean_squared"),
    raw(query(rank_by=["id", "asc"], limit=1, include_attributes=True), text=says("[0.7,0.1]", '"id":1', '"cache_hit_ratio":')),
    raw(query(aggregate_by={"c": ["Count"]}), text=says('"c":1}')), items=1)
add("absent_is_not_null", put({"id": 1, "a": None}, {"id": 2, "a": "x"}),
    raw(query(rank_by=["id", "asc"], limit=2, include_attributes=["a"]), text=says_not("null")), items=1)

# Names.
CREATED = [put({"id": 1}, ns=letter) for letter in "abcdefghijkl"]
add("names_in_pages", together(*CREATED),
    *(op("list", {"ids": [f"${letter}" for letter in "abcdefghijkl"]}, prefix="names_in_pages-", page_size=size) for size in (1, 5, 12,
        100)),
    op("list_page", {"ids": [f"${letter}" for letter in "abcde"], "next_cursor": ANY}, prefix="names_in_pages-",
        page_size=5).but(save={"next": "next_cursor"}),
    op("list_page", {"ids": [f"${letter}" for letter in "fghij"], "next_cursor": ANY}, prefix="names_in_pages-", page_size=5,
        cursor="@next").but(save={"last": "next_cursor"}),
    op("list_page", Has(ids=["$k", "$l"]), prefix="names_in_pages-", page_size=5, cursor="@last"), items=28)
add("names_after_a_deletion", put({"id": 1}), put({"id": 1}, ns="b"), op("list", {"ids": ["$a", "$b"]}, prefix="names_after_a_deletion-"),
    op("delete_all", ANY), op("list", {"ids": ["$b"]}, prefix="names_after_a_deletion-"),
    op("list", {"ids": []}, prefix="names_after_a_deletion-zz"),
    items=28)
add("names_refuse", fails(400, "", op("list_page", ANY, cursor="nonsense")), fails(400, "", op("list_page", ANY, page_size=0)),
    fails(400, "", op("list_page", ANY, page_size=1001)), items=28)

# Other clients.
add("region_in_the_path", put({"id": 1}).but(client={"region": "gcp-us-central1"}), all_ids(1),
    ids([1], rank_by=["id", "asc"], limit=1).but(client={"region": "aws-us-east-1"}), items=40)
add("telemetry", *(put({"id": n}).but(client={"telemetry": True}) for n in range(4)), all_ids(0, 1, 2, 3), items=39,
    without={"typescript": "it has no telemetry", "java": "it has no telemetry"})
SAME_ID = Check(lambda answer: answer["headers"].get("x-request-id") == "my-own-id", "the request's own id")
add("request_ids", put({"id": 1}), http("GET", "/v1/namespaces/$a/schema", SAME_ID, headers={"X-Request-Id": "my-own-id"}),
    http("GET", "/v1/namespaces/$a/schema", Check(lambda answer: answer["headers"].get("x-request-id"), "an id")), items=39)
add("overloads_are_ignored", put({"id": 1}),
    http("POST", "/v2/namespaces/$a/query?stainless_overload=multiQuery", Has(status=200, parsed=Has(rows=Rows([1]))),
        {"rank_by": ["id", "asc"], "limit": 1}),
    http("POST", "/v2/namespaces/$a/multi-query", Has(parsed=Has(results=[Has(rows=Rows([1]))])),
        {"queries": [{"rank_by": ["id", "asc"], "limit": 1}]}),
    items=27)
add("prefer_changes_nothing", put({"id": 1}),
    http("POST", "/v2/namespaces/$a/query", Has(status=200, parsed=Has(rows=Rows([1]))), {"rank_by": ["id", "asc"], "limit": 1},
         headers={"Prefer": "respond-async"}), items=27)
add("answers_are_json", put({"id": 1}),
    http("GET", "/v2/namespaces/$a/metadata", Has(headers=headers(content_type="application/json"))),
    http("GET", "/v1/namespaces", Has(headers=headers(content_type="application/json"))), items=26)
add("thirty_queries_at_once", put(*({"id": n, "vector": [n, 1]} for n in range(50)), distance_metric="euclidean_squared"),
    together(*(ids([n, *([n - 1, n + 1] if n else [1, 2])], rank_by=["vector", "ANN", [n, 1]], limit=3) for n in range(30))), items=27)
