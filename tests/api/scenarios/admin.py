"""Copies, branches, operations, plans, cache calls, and what old clients speak."""
from dsl import (ANY, MOMENT, TEXT, Check, Has, all_ids, all_rows, delete_all, exists, fails, found, group, http, ids, op, put, query,
                 write)

copy = group("copy")
FOUR = [{"id": n, "vector": [n, 1], "s": f"text {n}"} for n in range(1, 5)]
FILL = put(*FOUR, distance_metric="cosine_distance")
copy("copy_by_name", FILL, write(copy_from_namespace="$a", ns="b", affected=4), all_rows(*FOUR, ns="b"), all_rows(*FOUR), items=13)
copy("copy_by_method", FILL, op("copy_from", Has(status="OK", rows_affected=4), source_namespace="$a", ns="b"), all_rows(*FOUR, ns="b"),
     op("schema", Has(vector=Has(type="[2]f32"), s=Has(type="string")), ns="b"), items=13)
copy("copies_are_apart", FILL, write(copy_from_namespace={"source_namespace": "$a"}, ns="b", affected=4), write(deletes=[1]),
     write(patch_rows=[{"id": 2, "s": "new"}], ns="b"), all_rows(*FOUR[1:]),
     all_rows(FOUR[0], {**FOUR[1], "s": "new"}, *FOUR[2:], ns="b"), delete_all(), exists(True, ns="b"),
     ids([4, 3], rank_by=["vector", "ANN", [4, 1]], limit=2, ns="b"), items=13)
copy("copy_of_an_indexed_one", FILL, op("settle", ANY), write(deletes=[2]), write(copy_from_namespace="$a", ns="b", affected=3),
     op("settle", ANY, ns="b"), all_rows(FOUR[0], *FOUR[2:], ns="b"), items=13)
copy("copy_into_an_empty_one", FILL, put({"id": 9}, ns="b"), write(deletes=[9], ns="b"),
    write(copy_from_namespace="$a", ns="b", affected=4),
     all_rows(*FOUR, ns="b"), items=13)
copy("copy_refusals", FILL, put({"id": 1}, ns="b"), fails(409, "", write(copy_from_namespace="$a", ns="b")),
     fails(404, "was not found", write(copy_from_namespace="$z", ns="c")), exists(False, ns="c"),
     fails(400, "copy_from_namespace cannot be used with other write request fields",
           write(copy_from_namespace="$a", upsert_rows=[{"id": 1}], ns="c")),
     fails(400, "", write(copy_from_namespace={"source_namespace": "$a", "source_region": "aws-us-east-1"}, ns="c")),
     fails(422, "", write(copy_from_namespace=7, ns="c")), all_ids(1, ns="b"), items=13)
copy("copy_of_a_read_only_one", FILL, op("update_metadata", ANY, read_only=True), write(copy_from_namespace="$a", ns="b", affected=4),
     put({"id": 9, "vector": [1, 1]}, ns="b"), op("update_metadata", ANY, read_only=True, ns="b"),
     fails(400, "read-only", write(copy_from_namespace="$a", ns="b")), items=32)
copy("copy_keeps_the_last_write", FILL, op("metadata", Has(last_write_at=MOMENT)), write(copy_from_namespace="$a", ns="b"),
     op("metadata", Has(last_write_at=MOMENT, created_at=MOMENT), ns="b"), fails(404, "", op("metadata", ns="c")), items=13)

branch = group("branch")
branch("branch_by_name", FILL, write(branch_from_namespace="$a", ns="b"), all_rows(*FOUR, ns="b"),
       op("metadata", Has(branching={"parent": "$a"}), ns="b"), op("metadata", Check(lambda m: "branching" not in m, "no branching")),
       items=32)
branch("branch_by_method", FILL, op("branch_from", Has(status="OK"), source_namespace="$a", ns="b"), all_rows(*FOUR, ns="b"), items=32)
branch("branches_are_apart", FILL, write(branch_from_namespace="$a", ns="b"), put({"id": 1, "vector": [9, 9]}, ns="b"), write(deletes=[2]),
       write(branch_from_namespace={"source_namespace": "$b"}, ns="c"), write(deletes=[3], ns="c"), all_rows(FOUR[0], *FOUR[2:]),
       all_rows({"id": 1, "vector": [9, 9]}, *FOUR[1:], ns="b"), all_rows({"id": 1, "vector": [9, 9]}, FOUR[1], FOUR[3], ns="c"),
       delete_all(), all_ids(1, 2, 3, 4, ns="b"), delete_all(ns="b"), all_ids(1, 2, 4, ns="c"), items=32)
branch("branch_of_an_indexed_one", FILL, op("settle", ANY), write(deletes=[1]), write(branch_from_namespace="$a", ns="b"),
       write(patch_rows=[{"id": 2, "s": "branch"}], ns="b"), op("settle", ANY, ns="b"), delete_all(),
       all_rows({**FOUR[1], "s": "branch"}, *FOUR[2:], ns="b"), found([2], ["s", "Eq", "branch"], ns="b"), items=32)
branch("branch_of_a_read_only_one", FILL, op("update_metadata", ANY, read_only=True), write(branch_from_namespace="$a", ns="b"),
       op("metadata", Has(read_only=True), ns="b"), fails(400, "read-only", write(deletes=[1], ns="b")),
       op("update_metadata", ANY, read_only=False, ns="b"), write(deletes=[1], ns="b"), all_ids(2, 3, 4, ns="b"), items=32)
branch("branch_refusals", FILL, put({"id": 1}, ns="b"), fails(409, "", write(branch_from_namespace="$a", ns="b")),
       fails(404, "was not found", write(branch_from_namespace="$z", ns="c")),
       fails(400, "branch_from_namespace cannot be used with other write request fields",
             write(branch_from_namespace="$a", deletes=[1], ns="c")), items=32)

later = group("async_copy")
later("started_and_polled", FILL, op("start_copy_from", {"token": TEXT}, source_namespace="$a", ns="b").but(save={"token": "token"}),
      op("poll", {"status": "finished", "start_time": MOMENT, "finish_time": MOMENT,
                  "result": {"success": Has(status="OK", rows_affected=4, message=TEXT, billing=ANY)}}, ns="b").but(token="@token"),
      all_rows(*FOUR, ns="b"), op("poll", Has(status="finished", result=Has(success=Has(rows_affected=4))), ns="b").but(token="@token"),
      items=36)
later("started_twice", FILL, op("start_copy_from", {"token": TEXT}, source_namespace="$a", ns="b").but(save={"token": "token"}),
      op("poll", Has(status="finished"), ns="b").but(token="@token"),
      fails(409, "", op("start_copy_from", ANY, source_namespace="$a", ns="b")), all_rows(*FOUR, ns="b"),
      op("poll", Has(status="finished"), ns="b").but(token="@token"), items=36)
later("start_refusals", FILL, put({"id": 1}, ns="b"), fails(404, "", op("start_copy_from", ANY, source_namespace="$z", ns="c")),
      fails(409, "", op("start_copy_from", ANY, source_namespace="$a", ns="b")),
      fails(404, "", op("poll", ANY, ns="c").but(token="nonsense")),
      fails(400, "", http("POST", "/v2/namespaces/$c/async", ANY, {"copy_from_namespace": {"source_namespace": "$a"}, "deletes": [1]})),
      exists(False, ns="c"), items=36)
later("transparent_async", FILL, http("POST", "/v2/namespaces/$b", Check(lambda answer: answer["status"] in (200, 202), "200 or 202"),
                                      {"copy_from_namespace": "$a"}, headers={"Prefer": "respond-async"}), items=27)

later("prefer_of_ones_own", FILL, http("POST", "/v2/namespaces/$b", Has(status=200, parsed=Has(status="OK", rows_affected=4)),
                                       {"copy_from_namespace": "$a"}, headers={"Prefer": "wait=10"}), all_rows(*FOUR, ns="b"), items=27)

explain = group("explain")
explain("plans", FILL, *(op("explain_query", {"plan_text": TEXT}, request) for request in (
    {"rank_by": ["vector", "ANN", [1, 1]], "limit": 2}, {"rank_by": ["s", "asc"], "limit": 2, "filters": ["s", "Eq", "text 1"]},
    {"aggregate_by": {"c": ["Count"]}})), items=17)
explain("plan_refusals", FILL, op("explain_query", ANY, rank_by=["id", "asc"], limit=1),
    fails(404, "", op("explain_query", ANY, rank_by=["id", "asc"], limit=1, ns="b")),
        fails(400, "", op("explain_query", ANY, rank_by=["nothing", "asc"], limit=1)),
        fails(422, "", op("explain_query", ANY, rank_by="id", limit=1)), items=17)

cache = group("cache_calls")
cache("warm_and_purge", FILL, http("GET", "/v1/namespaces/$a/_debug/warm_cache",
    Has(status=Check(lambda s: s in (200, 202), "200 or 202"))),
      http("GET", "/v1/namespaces/$a/_debug/purge_cache", Has(status=200)), all_rows(*FOUR),
      query(rank_by=["id", "asc"], limit=1, disable_cache=True), items=16)

old = group("legacy")
old("old_writes_and_queries",
    http("POST", "/v1/vectors/$a", Has(status=200), {"ids": [1, 2], "vectors": [[1, 0], [0, 1]], "attributes": {"s": ["x", "y"]},
                                                     "distance_metric": "euclidean_squared"}),
    all_rows({"id": 1, "vector": [1, 0], "s": "x"}, {"id": 2, "vector": [0, 1], "s": "y"}),
    http("POST", "/v1/vectors/$a/query", Has(status=200, parsed=[Has(id=2, dist=0, attributes={"s": "y"}), Has(id=1, dist=2)]),
         {"vector": [0, 1], "top_k": 2, "include_attributes": ["s"]}), items=7, without={"model": "it speaks no old dialect"})
old("old_export", FILL, http("GET", "/v1/namespaces/$a", Has(status=200, parsed=Has(ids=[1, 2, 3, 4], next_cursor=None))), items=7,
    without={"model": "it speaks no old dialect"})
