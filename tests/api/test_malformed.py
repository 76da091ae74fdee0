"""Bad input gets a clear error in the API's own shape and changes nothing: export and position before and after."""
import gzip
import json

import pytest
from mola import export

RECALL = "/v1/namespaces/v/_debug/recall"
WRITE, QUERY, SCHEMA, META = "/v2/namespaces/n", "/v2/namespaces/n/query", "/v1/namespaces/n/schema", "/v1/namespaces/n/metadata"
DEEP = "[" * 200 + "]" * 200
HUGE_ID = "x" * 65


def rows(*values):
    return {"upsert_rows": list(values)}


def query(filters, **more):
    return {"filters": filters, "rank_by": ["id", "asc"], "limit": 1, **more}


# (what, method, path, body (text is sent as it is), status)
TABLE = [
    # JSON text: 400
    ("no JSON", "POST", WRITE, "", 400),
    ("only white space", "POST", WRITE, " \n", 400),
    ("cut off", "POST", WRITE, '{"upsert_rows":[{"id":2}', 400),
    ("trailing bytes", "POST", WRITE, '{"upsert_rows":[{"id":2}]} x', 400),
    ("two values", "POST", WRITE, '{"upsert_rows":[{"id":2}]}{}', 400),
    ("a BOM", "POST", WRITE, '\ufeff{"upsert_rows":[{"id":2}]}', 400),
    ("a lone surrogate", "POST", WRITE, '{"upsert_rows":[{"id":2,"s":"\\ud800"}]}', 400),
    ("invalid UTF-8", "POST", WRITE, b'{"upsert_rows":[{"id":2,"s":"\xff"}]}', 400),
    ("overlong UTF-8", "POST", WRITE, b'{"upsert_rows":[{"id":2,"s":"\xc0\xaf"}]}', 400),
    ("a control character in a string", "POST", WRITE, '{"upsert_rows":[{"id":2,"s":"a\nb"}]}', 400),
    ("NUL between values", "POST", WRITE, b'{"upsert_rows":\0[{"id":2}]}', 400),
    ("a trailing comma", "POST", WRITE, '{"upsert_rows":[{"id":2},]}', 400),
    ("single quotes", "POST", WRITE, "{'upsert_rows':[{'id':2}]}", 400),
    ("NaN", "POST", WRITE, '{"upsert_rows":[{"id":2,"f":NaN}]}', 400),
    ("a number with a leading zero", "POST", WRITE, '{"upsert_rows":[{"id":02}]}', 400),
    ("nesting of 200", "POST", WRITE, '{"upsert_rows":' + DEEP + "}", 400),
    ("bad text behind a bad shape", "POST", WRITE, '{"upsert_rows":5,"x":tru}', 400),
    ("bad text in a query", "POST", QUERY, '{"rank_by":["id","asc"],"limit":', 400),
    # shape: 422
    ("a number for a body", "POST", WRITE, "5", 422),
    ("an array for a body", "POST", WRITE, "[]", 422),
    ("rows as an object", "POST", WRITE, {"upsert_rows": {"id": 2}}, 422),
    ("a row that is a number", "POST", WRITE, rows(3), 422),
    ("a row without an id", "POST", WRITE, rows({"a": 1}), 422),
    ("a negative id", "POST", WRITE, rows({"id": -1}), 422),
    ("a fractional id", "POST", WRITE, rows({"id": 1.5}), 422),
    ("a boolean id", "POST", WRITE, rows({"id": True}), 422),
    ("a null id", "POST", WRITE, rows({"id": None}), 422),
    ("columns as an array", "POST", WRITE, {"upsert_columns": []}, 422),
    ("a column that is a number", "POST", WRITE, {"upsert_columns": {"id": [2], "a": 3}}, 422),
    ("ids of two kinds", "POST", WRITE, {"upsert_columns": {"id": [2, "x"]}}, 422),
    ("deletes as a number", "POST", WRITE, {"deletes": 1}, 422),
    ("deletes of null", "POST", WRITE, {"deletes": [None]}, 422),
    ("an unknown metric", "POST", WRITE, {**rows({"id": 2}), "distance_metric": "manhattan"}, 422),
    ("a schema that is a list", "POST", WRITE, {**rows({"id": 2}), "schema": []}, 422),
    ("a definition that is a number", "POST", WRITE, {**rows({"id": 2}), "schema": {"a": 5}}, 422),
    ("a definition without a type", "POST", WRITE, {**rows({"id": 2}), "schema": {"a": {"filterable": True}}}, 422),
    ("filterable as text", "POST", WRITE, {**rows({"id": 2}), "schema": {"a": {"type": "int", "filterable": "yes"}}}, 422),
    ("create_namespace as text", "POST", WRITE, {**rows({"id": 2}), "create_namespace": "yes"}, 422),
    ("read_only as text", "PATCH", META, {"read_only": "yes"}, 422),
    ("rank_by as text", "POST", QUERY, {"rank_by": "id", "limit": 1}, 422),
    ("an unknown direction", "POST", QUERY, {"rank_by": ["id", "up"], "limit": 1}, 422),
    ("a negative limit", "POST", QUERY, {"rank_by": ["id", "asc"], "limit": -1}, 422),
    ("a fractional limit", "POST", QUERY, {"rank_by": ["id", "asc"], "limit": 1.5}, 422),
    ("an unknown filter", "POST", QUERY, {"filters": ["id", "Frob", 1], "rank_by": ["id", "asc"], "limit": 1}, 422),
    ("an unknown consistency", "POST", QUERY, {"rank_by": ["id", "asc"], "limit": 1, "consistency": {"level": "maybe"}}, 422),
    ("consistency without a level", "POST", QUERY, {"rank_by": ["id", "asc"], "limit": 1, "consistency": {}}, 422),
    ("a negative offset", "POST", QUERY, {"rank_by": ["id", "asc"], "limit": 1, "offset": -1}, 422),
    ("an unknown vector encoding", "POST", QUERY, {"rank_by": ["id", "asc"], "limit": 1, "vector_encoding": "bad"}, 422),
    # meaning: 400
    ("an empty write", "POST", WRITE, {}, 400),
    ("the same id twice", "POST", WRITE, rows({"id": 2}, {"id": 2}), 400),
    ("the same id in rows and deletes", "POST", WRITE, {**rows({"id": 2}), "deletes": [2]}, 400),
    ("a string id in a namespace of numbers", "POST", WRITE, rows({"id": "two"}), 400),
    ("an id of 65 bytes", "POST", "/v2/namespaces/fresh", rows({"id": HUGE_ID}), 400),
    ("an id of 2^64", "POST", WRITE, '{"upsert_rows":[{"id":18446744073709551616}]}', None),
    ("a name that begins with $", "POST", WRITE, rows({"id": 2, "$x": 1}), 400),
    ("an empty attribute name", "POST", WRITE, rows({"id": 2, "": 1}), 400),
    ("an attribute name of 129 bytes", "POST", WRITE, rows({"id": 2, "a" * 129: 1}), 400),
    ("1,025 attributes", "POST", WRITE, rows({"id": 2, **{f"a{i}": 1 for i in range(1025)}}), 400),
    ("a value of another type", "POST", WRITE, rows({"id": 2, "n": "text"}), 400),
    ("a fraction for an int", "POST", WRITE, rows({"id": 2, "n": 1.0}), 400),
    ("an undeclared fraction", "POST", WRITE, rows({"id": 2, "new": 1.5}), 400),
    ("an undeclared integer beyond i64", "POST", WRITE, rows({"id": 2, "new": 2**63}), 400),
    ("a filterable value over 4 KiB", "POST", WRITE, rows({"id": 2, "s": "x" * 4097}), 400),
    ("a value over 8 MiB", "POST", WRITE, {**rows({"id": 2, "big": "x" * (8 << 20) + "x"}),
                                          "schema": {"big": {"type": "string", "filterable": False}}}, 400),
    ("a vector that is too short", "POST", "/v2/namespaces/v", rows({"id": 2, "vector": [1.0]}), 400),
    ("an empty vector", "POST", "/v2/namespaces/v", rows({"id": 2, "vector": []}), 400),
    ("a vector that overflows f32", "POST", "/v2/namespaces/v", rows({"id": 2, "vector": [1e39, 0]}), 400),
    ("a number that overflows f64", "POST", "/v2/namespaces/v", '{"upsert_rows":[{"id":2,"vector":[1e999,0]}]}', 400),
    ("bad base64", "POST", "/v2/namespaces/v", rows({"id": 2, "vector": "AAA"}), 400),
    ("base64 of NaN", "POST", "/v2/namespaces/v", rows({"id": 2, "vector": "AADAfwAAAAA="}), 400),
    ("no vector where one is needed", "POST", "/v2/namespaces/v", rows({"id": 2}), 400),
    ("another metric", "POST", "/v2/namespaces/v", {**rows({"id": 2, "vector": [1, 2]}), "distance_metric": "cosine_distance"}, 400),
    ("an unknown type", "POST", WRITE, {**rows({"id": 2}), "schema": {"a": "thing"}}, 400),
    ("a change of type", "POST", SCHEMA, {"n": {"type": "string"}}, 400),
    ("a vector without ann", "POST", "/v2/namespaces/fresh", {**rows({"id": 2, "w": [1, 2]}), "schema": {"w": "[2]f32"}}, 400),
    ("columns of unequal length", "POST", WRITE, {"upsert_columns": {"id": [2, 3], "n": [1]}}, 400),
    ("columns without ids", "POST", WRITE, {"upsert_columns": {"n": [1]}}, 400),
    ("a condition on an unknown attribute", "POST", WRITE, {**rows({"id": 2}), "upsert_condition": ["nope", "Lt", 5]}, 400),
    ("a condition without its operation", "POST", WRITE, {**rows({"id": 2}), "delete_condition": ["n", "Lt", 5]}, 400),
    ("a reference to an unknown attribute", "POST", WRITE, {**rows({"id": 2}), "upsert_condition": ["n", "Lt", {"$ref_new": "m"}]}, 400),
    ("a condition of 2,000 nodes", "POST", WRITE, {**rows({"id": 2}), "upsert_condition": ["Or", [["n", "Eq", 1]] * 2000]}, 400),
    ("a deletion by no filter", "POST", WRITE, {"delete_by_filter": "n"}, 422),
    ("a deletion by an unknown attribute", "POST", WRITE, {"delete_by_filter": ["nope", "Eq", 1]}, 400),
    ("a patch by filter of the id", "POST", WRITE, {"patch_by_filter": {"filters": ["n", "Gte", 0], "patch": {"id": 9}}}, 400),
    ("a patch by filter of another type", "POST", WRITE, {"patch_by_filter": {"filters": ["n", "Gte", 0], "patch": {"n": "x"}}}, 400),
    ("a patch by filter of nothing", "POST", WRITE, {"patch_by_filter": {"filters": ["n", "Gte", 0]}}, 422),
    ("a copy beside rows", "POST", "/v2/namespaces/fresh", {"copy_from_namespace": "n", **rows({"id": 2})}, 400),
    ("a copy that may create, in words", "POST", "/v2/namespaces/fresh", {"copy_from_namespace": "n", "create_namespace": "no"}, 422),
    ("a recall that shows in words", "POST", RECALL, {"include_ground_truth": "yes"}, 422),
    ("a recall that shows in words, later", "POST", "/v2/namespaces/v/_debug/recall", {"filters": ["n", "Eqq", 1], "include_ground_truth": 1}, 422),
    ("a recall of half a search", "POST", RECALL, {"num": 1.5}, 422),
    ("a recall of no search", "POST", RECALL, {"num": 0}, 400),
    ("a recall of 1,001 rows", "POST", RECALL, {"top_k": 1001}, 400),
    ("a recall in an order", "POST", RECALL, {"num": 1, "rank_by": ["id", "asc"]}, 400),
    ("vectors of 2024 asked for by a word", "POST", "/v1/namespaces/n/query", {"vector": [1, 2], "include_vectors": "yes"}, 422),
    ("no limit", "POST", QUERY, {"rank_by": ["id", "asc"]}, 400),
    ("a limit of 0", "POST", QUERY, {"rank_by": ["id", "asc"], "limit": 0}, 400),
    ("a limit of 10,001", "POST", QUERY, {"rank_by": ["id", "asc"], "limit": 10001}, 400),
    ("order by an unknown attribute", "POST", QUERY, {"rank_by": ["nope", "asc"], "limit": 1}, 400),
    ("a filter on an unknown attribute", "POST", QUERY, {"filters": ["nope", "Eq", 1], "rank_by": ["id", "asc"], "limit": 1}, 400),
    ("an operand of another type", "POST", QUERY, {"filters": ["n", "Eq", "x"], "rank_by": ["id", "asc"], "limit": 1}, 400),
    ("2,000 filter nodes", "POST", QUERY, {"filters": ["And", [["n", "Eq", 1]] * 2000], "rank_by": ["id", "asc"], "limit": 1}, 400),
    ("a filter nested 200 deep", "POST", QUERY, '{"filters":' + '["Not",' * 200 + '["n","Eq",1]' + "]" * 200 + "}", 400),
    ("a list of 100,000 with one of another type", "POST", QUERY, query(["n", "In", list(range(100000)) + [2**63]]), 400),
    ("a regex that is none", "POST", QUERY, query(["rx", "Regex", "(a"]), 400),
    ("a regex that looks around", "POST", QUERY, query(["rx", "Regex", "a(?=b)"]), 400),
    ("a regex that repeats repetitions", "POST", QUERY, query(["rx", "Regex", "((a{1000}){1000}){1000}"]), 400),
    ("a regex of 5,000 bytes", "POST", QUERY, query(["rx", "Regex", "(a|b)*" * 834]), 400),
    ("a regex nested 1,000 deep", "POST", QUERY, query(["rx", "Regex", "(" * 1000 + ")" * 1000]), 400),
    ("a thousand large regexes", "POST", QUERY, query(["Or", [["rx", "Regex", "(?i)" + r"[\w--\d]{40}" * 90]] * 1000 + [["rx", "Regex", "("]]]), 400),
    ("a regex without its index", "POST", QUERY, query(["s", "Regex", "a"]), 400),
    ("a glob of 5,000 bytes", "POST", QUERY, query(["s", "Glob", "*a" * 2500]), 400),
    ("a glob with 1,000 braces", "POST", QUERY, query(["s", "Glob", "{a," * 1000 + "}" * 1000]), 400),
    ("a fuzzy filter with too many edits", "POST", QUERY,
     query(["rx", "Fuzzy", "walrus", {"max_edit_distance": [{"min_query_chars": 3, "distance": 2}]}]), 400),
    ("a fuzzy filter of 2,000 characters", "POST", QUERY,
     query(["rx", "Fuzzy", "x" * 2000, {"max_edit_distance": [{"min_query_chars": 3, "distance": 0}]}]), 400),
    ("a score of 2,000 clauses", "POST", QUERY, {"rank_by": ["Sum", [["n", "Eq", 1]] * 2000], "limit": 1}, 400),
    ("nine keys of an order", "POST", QUERY, {"rank_by": [["n", "asc"]] * 9, "limit": 1}, 400),
    ("257 computed attributes", "POST", QUERY, query(["n", "Eq", 5], compute_attributes={f"c{i}": ["n", "Eq", i] for i in range(257)}), 400),
    ("17 queries", "POST", QUERY, {"queries": [query(["n", "Eq", 1])] * 17}, 400),
    ("a plan of several queries", "POST", "/v2/namespaces/n/explain_query", {"queries": [query(["n", "Eq", 1])]}, 400),
    ("a plan without a limit", "POST", "/v2/namespaces/n/explain_query", {"rank_by": ["id", "asc"]}, 400),
    ("include and exclude", "POST", QUERY, {"rank_by": ["id", "asc"], "limit": 1, "include_attributes": True,
                                           "exclude_attributes": ["n"]}, 400),
    ("a page of 0", "GET", "/v1/namespaces?page_size=0", None, 400),
    ("a page of 1,001", "GET", "/v1/namespaces?page_size=1001", None, 400),
    ("a broken cursor", "GET", "/v1/namespaces?cursor=!!", None, 400),
    # names and routes
    ("a name with a space", "POST", "/v2/namespaces/a%20b", rows({"id": 1}), 400),
    ("a name that climbs", "POST", "/v2/namespaces/%2e%2e", rows({"id": 1}), 400),
    ("a name with a slash", "POST", "/v2/namespaces/a%2Fb", rows({"id": 1}), 400),
    ("a name of 129 characters", "POST", "/v2/namespaces/" + "a" * 129, rows({"id": 1}), 400),
    ("no such route", "POST", "/v2/namespaces/n/frobnicate", {}, 404),
    ("no such namespace", "POST", "/v2/namespaces/none/query", {"rank_by": ["id", "asc"], "limit": 1}, 404),
    ("a patch of no namespace", "POST", "/v2/namespaces/none", {"patch_rows": [{"id": 1, "a": 1}]}, 404),
    ("a method that the route has not", "PUT", WRITE, rows({"id": 1}), 405),
    ("a query over its limit", "POST", QUERY, '{"x":"' + "x" * (8 << 20) + '"}', 413),
]


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    from mola import Mola
    server = Mola(f"file:{tmp_path_factory.mktemp('malformed')}/data").watched()
    assert server.ask("POST", WRITE, {"upsert_rows": [{"id": 1, "n": 5, "s": "text", "tags": ["a"], "rx": "text"}],
                                          "schema": {"rx": {"type": "string", "regex": True, "fuzzy": True}}})[0] == 200
    assert server.ask("POST", "/v2/namespaces/v", {"upsert_rows": [{"id": 1, "vector": [1.0, 2.0]}],
                                                   "distance_metric": "euclidean_squared"})[0] == 200
    yield server
    assert server.process.poll() is None
    server.unwatched()
    assert server.stop() == 0


@pytest.mark.parametrize("what,method,path,body,status", TABLE, ids=[row[0] for row in TABLE])
def test_bad_request_changes_nothing(busy, what, method, path, body, status):
    before = export(busy, "n"), export(busy, "v")
    raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else None
    got, answer, fields = busy.ask(method, path, body if raw is None else None, raw=raw)
    assert got == status or (status is None and got in (400, 422)), answer
    assert set(answer) <= {"status", "error", "attribute"} and answer["status"] == "error" and answer["error"]
    assert fields["content-type"] == "application/json" and fields["x-request-id"]
    assert (export(busy, "n"), export(busy, "v")) == before
    assert busy.ask("GET", "/v1/namespaces/fresh/schema")[0] == 404


def test_a_gzip_bomb_is_refused_and_bad_gzip_too(busy):
    bomb = gzip.compress(b'{"x":"' + b"a" * (64 << 20) + b'"}')
    packed = {"Content-Encoding": "gzip"}
    status, answer, _ = busy.ask("POST", QUERY, raw=bomb, headers=packed)
    assert status == 413 and answer["status"] == "error"
    assert busy.ask("POST", QUERY, raw=b"not gzip", headers=packed)[0] == 400
    assert busy.ask("POST", QUERY, raw=gzip.compress(b"{}")[:-5], headers=packed)[0] == 400
    assert busy.ask("POST", QUERY, raw=b"{}", headers={"Content-Encoding": "br"})[0] == 415
    good = gzip.compress(json.dumps({"rank_by": ["id", "asc"], "limit": 1}).encode())
    assert busy.ask("POST", QUERY, raw=good, headers=packed)[0] == 200


def test_a_plan_is_text(busy):
    status, answer, _ = busy.ask("POST", "/v2/namespaces/n/explain_query", query(["Or", [["n", "Gt", 4], ["rx", "Regex", "^t"]]]))
    assert status == 200 and set(answer) == {"plan_text"}
    for words in ("1 row in 1 window", "filters, cheapest first:", "`rx` Regex \"^t\": windows 0 ruled out", "1 true", "rows 1 to 1", "run: "):
        assert words in answer["plan_text"], answer["plan_text"]
    assert busy.ask("POST", "/v2/namespaces/none/explain_query", query(["n", "Gt", 4]))[0] == 404


def test_request_ids_are_echoed_or_made_up(busy):
    for path, status in (("/v1/namespaces", 200), ("/v1/namespaces/none/schema", 404), ("/nope", 404)):
        got, _, fields = busy.ask("GET", path, headers={"X-Request-Id": "tpreq_abc"})
        assert (got, fields["x-request-id"]) == (status, "tpreq_abc")
    assert len(busy.ask("GET", "/v1/namespaces", headers={"X-Request-Id": "x" * 129})[2]["x-request-id"]) < 100
    telemetry = {"X-turbopuffer-Client-Telemetry": json.dumps({"version": 1, "records": [{"route": "x" * 7900}]})}
    assert busy.ask("GET", "/v1/namespaces", headers=telemetry)[2]["x-turbopuffer-client-telemetry-sample-rate"] == "0"
    assert "x-turbopuffer-client-telemetry-sample-rate" not in busy.ask("GET", "/v1/namespaces")[2]
