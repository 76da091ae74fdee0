"""A client that openapi-generator made of openapi.yaml, as it came: generated_client.py FOLDER BASE_URL. Prints OK at the end."""
import sys

sys.path.insert(0, sys.argv[1])
import mola_client as api  # noqa: E402

client = api.ApiClient(api.Configuration(host=sys.argv[2], access_token="any"))
documents, namespaces = api.DocumentsApi(client), api.NamespacesApi(client)

books = [{"id": 1, "vector": [0.1, 0.9], "title": "The Walrus", "year": 1981, "tags": ["sea"]},
         {"id": 2, "vector": [0.8, 0.2], "title": "A Fox at Dawn", "year": 1999},
         {"id": 18446744073709551615, "vector": [0.2, 0.8], "title": "Sunfish"}]
written = documents.write("books", api.WriteRequest.from_dict({
    "upsert_rows": books, "distance_metric": "cosine_distance",
    "schema": {"title": {"type": "string", "filterable": True}, "year": "uint"}, "return_affected_ids": True}))
assert (written.status, written.rows_upserted, len(written.upserted_ids)) == ("OK", 3, 3)

near = documents.query("books", api.QueryRequest(
    rank_by=["vector", "ANN", [0.15, 0.85]], limit=api.Limit(2), include_attributes=api.IncludeAttributes(["title"]),
    filters=["title", "In", ["The Walrus", "Sunfish", "Others"]], consistency=api.Consistency(level="strong")))
assert [row.id.actual_instance for row in near.rows] == [1, 18446744073709551615]
assert near.rows[0].additional_properties == {"title": "The Walrus"} and 0 <= near.rows[0].dist < 0.1
assert near.performance.approx_namespace_size == 3 and near.billing.billable_logical_bytes_queried > 0

counted = documents.query("books", api.QueryRequest(aggregate_by={"n": ["Count"], "years": ["Sum", "year"]}))
assert counted.aggregations == {"n": 3, "years": 3980} and counted.rows is None
both = documents.query("books", api.QueryRequest(queries=[api.Subquery(rank_by=["year", "desc"], limit=api.Limit(1)),
                                                          api.Subquery(aggregate_by={"n": ["Count"]})]))
assert both.results[0].rows[0].id.actual_instance == 2 and both.results[1].aggregations == {"n": 3}

meta = namespaces.get_metadata("books")
assert meta.var_schema["vector"].ann.distance_metric == api.DistanceMetric.COSINE_DISTANCE and meta.index.status == "up-to-date"
assert namespaces.get_schema("books")["title"].filterable is True
assert [entry.id for entry in namespaces.list_namespaces(prefix="boo").namespaces] == ["books"]
assert namespaces.update_metadata("books", api.SettingsRequest(read_only=True)).read_only is True
try:
    documents.write("books", api.WriteRequest(deletes=api.IdList([1])))
    raise SystemExit("a read-only namespace was written to")
except api.exceptions.BadRequestException as refused:
    assert refused.data.status == "error" and "read-only" in refused.data.error
assert namespaces.delete_namespace("books").status == "OK"
print("OK")
