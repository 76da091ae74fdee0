"""The older surface of the Python SDK (1.21), in an environment of its own: sdk_1x.py BASE_URL. Prints OK at the end."""
import sys

import turbopuffer

client = turbopuffer.Turbopuffer(api_key="tpuf_old", base_url=sys.argv[1])
ns = client.namespace("old-surface")
assert not ns.exists()
answer = ns.write(
    upsert_columns={"id": [1, 2, 3], "vector": [[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]], "name": ["one", None, "three"]},
    distance_metric="cosine_distance", schema={"name": {"type": "string", "filterable": True}})
assert answer.rows_affected == 3 and answer.status == "OK"
assert ns.exists()
ns.write(upsert_rows=[{"id": 4, "vector": [0.4, -0.4], "name": "four"}])
found = ns.query(rank_by=("vector", "ANN", [0.1, 0.1]), top_k=10, include_attributes=["name"])
assert [row.id for row in found.rows] == [1, 2, 3, 4], found.rows
assert found.billing.billable_logical_bytes_queried > 0 and found.performance.approx_namespace_size == 4
named = ns.query(rank_by=("id", "asc"), top_k=10, filters=("name", "NotEq", None), include_attributes=True)
assert [row.name for row in named.rows] == ["one", "three", "four"]
assert named.rows[0].vector == [0.1, 0.1]
assert ns.write(patch_columns={"id": [2], "name": ["two"]}).rows_affected == 1
assert ns.write(deletes=[1]).rows_affected == 1
assert [row.name for row in ns.query(rank_by=("name", "desc"), top_k=2, include_attributes=["name"]).rows] == ["two", "three"]
meta = ns.metadata()
assert 0 <= meta.approx_row_count <= 4
assert "name" in ns.schema() and ns.update_schema(schema={"name": {"type": "string", "filterable": False}})
assert [n.id for n in client.namespaces(prefix="old-")] == ["old-surface"]
try:
    ns.write(upsert_rows=[{"id": 9, "vector": [1.0]}])
    raise SystemExit("a vector that is too short was taken")
except turbopuffer.BadRequestError:
    pass
ns.delete_all()
try:
    ns.query(rank_by=("id", "asc"), top_k=1)
    raise SystemExit("a deleted namespace answered")
except turbopuffer.NotFoundError:
    pass
print("OK")
