"""Rows in, rows out: upserts, patches, deletes, ids, types, null, refusals."""
import base64
import struct

from dsl import (ANY, Has, Rows, all_ids, all_rows, delete_all, exists, fails, found, group, http, ids, op, put, query, rows,
                 together, write)

add = group("rows")


def f32(*numbers):
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


MANY = [{"id": n, "name": f"row {n}", "half": n * 0.5, **({"even": n // 2} if n % 2 == 0 else {})} for n in range(92)]

add("ninety_two_rows_come_back",
    put(*MANY, schema={"half": "float"}), all_rows(*MANY), rows([MANY[50]], rank_by=["id", "asc"], limit=10,
                                                                filters=["id", "Eq", 50], include_attributes=True), items=1)
add("absent_attributes_are_absent",
    put({"id": 1, "a": "x"}, {"id": 2, "b": 7}), all_rows({"id": 1, "a": "x"}, {"id": 2, "b": 7}),
    rows([{"id": 1, "a": "x"}, {"id": 2}], rank_by=["id", "asc"], limit=10, include_attributes=["a"]), items=1)
add("null_is_absent",
    put({"id": 1, "a": None, "b": 1}), all_rows({"id": 1, "b": 1}), put({"id": 1, "a": "x", "b": None}),
    all_rows({"id": 1, "a": "x"}), items=1)
add("null_adds_nothing_to_the_schema",
    put({"id": 1, "a": None, "b": 1}), op("schema", {"id": ANY, "b": ANY}), items=1)
add("vectors_print_shortest",
    put({"id": 1, "vector": [0.1, 0.7]}, {"id": 2, "vector": [16777217, 1e-7]}, distance_metric="euclidean_squared"),
    all_rows({"id": 1, "vector": [0.1, 0.7]}, {"id": 2, "vector": [16777216, 1e-7]}), items=1)
add("map_for_rows", fails(422, "upsert_rows: invalid type: map, expected a sequence", write(upsert_rows={"id": 1})), exists(False),
    items=2)
add("row_without_id", fails(422, "upsert_rows[0]: missing field `id`", write(upsert_rows=[{"a": 1}])), items=2)
for name, bad in {"negative": -1, "fraction": 1.5, "boolean": True, "null": None, "array": [1]}.items():
    add(f"id_{name}", fails(422, "upsert_rows[0].id: data did not match any variant of untagged enum Id",
                            write(upsert_rows=[{"id": bad}])), exists(False), items=2)
add("ids_of_columns_of_two_kinds",
    fails(422, "data did not match any variant of untagged enum IdVec", write(upsert_columns={"id": [1, "a"]})), items=4)
add("deletes_of_two_kinds", put({"id": 1}),
    fails(422, "data did not match any variant of untagged enum IdVec", write(deletes=[1, "a"])), all_ids(1), items=3)
add("columns_without_id", fails(400, "id", write(upsert_columns={"a": [1]})), items=4)
add("columns_of_two_lengths", fails(400, "", write(upsert_columns={"id": [1, 2], "a": [1]})), exists(False), items=4)
add("delete_and_again",
    put({"id": 1}, {"id": 2}, {"id": 3}), write(deletes=[2], affected=1, answer={"rows_deleted": 1}), all_ids(1, 3),
    write(deletes=[2], affected=1), write(deletes=[2, 77], affected=2), all_ids(1, 3), items=3)
add("columns_then_rows_replace_whole_documents",
    write(upsert_columns={"id": [1, 2, 3], "vector": [[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]], "a": ["x", None, "z"], "n": [1, 2, None]},
          distance_metric="cosine_distance", affected=3, answer={"rows_upserted": 3}),
    all_rows({"id": 1, "vector": [0.1, 0.1], "a": "x", "n": 1}, {"id": 2, "vector": [0.2, 0.2], "n": 2},
             {"id": 3, "vector": [0.3, 0.3], "a": "z"}),
    put({"id": 1, "vector": [0.5, 0.5], "b": True}),
    rows([{"id": 1, "vector": [0.5, 0.5], "b": True}], filters=["id", "Eq", 1], rank_by=["id", "asc"], limit=1,
         include_attributes=True), items=4)
add("base64_in_rows_and_columns",
    put({"id": 1, "vector": f32(0.1, 0.2, 0.3)}, distance_metric="euclidean_squared"),
    write(upsert_columns={"id": [2, 3], "vector": [f32(0.4, 0.5, 0.6), [1, 2, 3]]}, affected=2),
    all_rows({"id": 1, "vector": [0.1, 0.2, 0.3]}, {"id": 2, "vector": [0.4, 0.5, 0.6]}, {"id": 3, "vector": [1, 2, 3]}),
    rows([{"id": 1, "vector": "zczMPc3MTD6amZk+"}, {"id": 2, "vector": "zczMPgAAAD+amRk/"}, {"id": 3, "vector": f32(1, 2, 3)}],
         rank_by=["id", "asc"], limit=9, include_attributes=["vector"], vector_encoding="base64"),
    rows([{"id": 1, "vector": [0.1, 0.2, 0.3]}], rank_by=["id", "asc"], limit=1, include_attributes=["vector"],
         vector_encoding="float"), items=11)
add("one_flat_vector_column",
    write(upsert_columns={"id": [1, 2], "vector": [1, 2, 3, 4]}, distance_metric="euclidean_squared", affected=2),
    all_rows({"id": 1, "vector": [1, 2]}, {"id": 2, "vector": [3, 4]}), items=11,
    without={"python": "its column transform takes a list of vectors", "java": "its columns hold a list of vectors"})
add("bad_base64", fails(400, "vector", put({"id": 1, "vector": "!!!!"}, distance_metric="euclidean_squared")), exists(False), items=11)
add("wrong_vector_encoding", put({"id": 1}),
    fails(422, "unknown variant `bad`, expected `float` or `base64`", query(rank_by=["id", "asc"], limit=1, vector_encoding="bad")),
    items=11)

# Ids.
UUIDS = [f"0000000{n}-0000-1000-8000-00805f9b34fb" for n in range(1, 9)]
add("uuid_texts_stay_strings",
    put(*({"id": i, "n": n} for n, i in enumerate(reversed(UUIDS)))),
    op("schema", Has(id=Has(type="string"))), all_ids(*UUIDS), found(UUIDS, ["id", "In", UUIDS]),
    found([UUIDS[3]], ["id", "Eq", UUIDS[3]]), found(UUIDS[5:], ["id", "Gt", UUIDS[4]]), items=7)
add("uuid_ids_are_canonical",
    write(upsert_rows=[{"id": "{01234567-89AB-CDEF-0123-456789ABCDEF}", "n": 1}, {"id": "0" * 31 + "1", "n": 2}],
          schema={"id": "uuid"}, affected=2),
    all_rows({"id": "00000000-0000-0000-0000-000000000001", "n": 2}, {"id": "01234567-89ab-cdef-0123-456789abcdef", "n": 1}),
    write(deletes=["urn:uuid:01234567-89ab-cdef-0123-456789abcdef"], affected=1),
    all_ids("00000000-0000-0000-0000-000000000001"), items=7)
add("uuid_ids_must_be_uuids",
    fails(400, "namespace ID type is uuid, but a written ID could not be parsed as uuid",
          put({"id": "apple"}, schema={"id": "uuid"})), exists(False), items=7)
add("string_ids_sort_by_bytes", put({"id": "b"}, {"id": ""}, {"id": "é"}, {"id": "a" * 64}, {"id": "B"}),
    all_ids("", "B", "a" * 64, "b", "é"), items=7)
add("id_of_65_bytes", fails(400, "64", put({"id": "a" * 65})), exists(False), items=7)
add("one_type_of_id", put({"id": 1}), fails(400, "", write(upsert_rows=[{"id": "a"}])), put({"id": 2}), all_ids(1, 2), items=7)
add("largest_ids", put({"id": 0, "u": 2**64 - 1, "i": -2**63}, {"id": 2**64 - 1, "u": 0, "i": 2**63 - 1}, schema={"u": "uint"}),
    all_rows({"id": 0, "u": 2**64 - 1, "i": -2**63}, {"id": 2**64 - 1, "u": 0, "i": 2**63 - 1}),
    found([2**64 - 1], ["id", "Gt", 2**53]), found([0], ["u", "Gte", 2**64 - 1]), items=1,
    without={"typescript": "its numbers are doubles"})

# Refusals write nothing.
add("duplicate_ids", put({"id": 3}),
    fails(400, "duplicate document IDs and was not written", write(upsert_rows=[{"id": 1}, {"id": 1}])),
    fails(400, "duplicate document IDs", write(upsert_rows=[{"id": 1}], deletes=[1])),
    fails(400, "duplicate document IDs", write(upsert_rows=[{"id": 1}], patch_rows=[{"id": 1, "a": 1}])), all_ids(3), items=1)
add("one_bad_row_refuses_all", put({"id": 1, "n": 1}),
    fails(400, "n", write(upsert_rows=[{"id": 2, "n": 2, "new": "x"}, {"id": 3, "n": "text"}])), all_rows({"id": 1, "n": 1}),
    op("schema", {"id": ANY, "n": ANY}), items=1)
add("fractions_are_not_inferred",
    fails(400, "inferred schema type for attribute 'x' as int, but got an incompatible value", put({"id": 1, "x": 1.5})),
    exists(False), items=1)
for name, attribute in {"dollar": "$xx", "empty": "", "long": "a" * 129}.items():
    add(f"attribute_name_{name}", fails(400, "", put({"id": 1, attribute: 1})), exists(False), items=1)
add("attribute_name_of_128_bytes", put({"id": 1, "b" * 128: 1}), all_rows({"id": 1, "b" * 128: 1}), items=1)
add("value_over_4_kib", fails(400, "4 KiB", put({"id": 1, "s": "x" * 4097})), put({"id": 1, "s": "x" * 4096}),
    put({"id": 2, "t": "x" * 5000}, schema={"t": {"type": "string", "filterable": False}}), all_ids(1, 2), items=1)
add("wrong_type_for_a_declared_attribute", put({"id": 1, "s": "x"}), fails(400, "s", write(upsert_rows=[{"id": 2, "s": 5}])),
    fails(400, "s", write(patch_rows=[{"id": 1, "s": ["x"]}])), all_rows({"id": 1, "s": "x"}), items=1)
add("vector_of_another_length", put({"id": 1, "vector": [1, 2]}, distance_metric="cosine_distance"),
    fails(400, "vector", write(upsert_rows=[{"id": 2, "vector": [1, 2, 3]}])), all_ids(1), items=1)
add("row_without_the_vector", put({"id": 1, "vector": [1, 2]}, distance_metric="cosine_distance"),
    fails(400, "vector", write(upsert_rows=[{"id": 2, "a": 1}])), all_ids(1), items=1)
add("vector_where_there_is_none", put({"id": 1}),
    fails(400, "Vector provided for namespace without vector attribute", write(upsert_rows=[{"id": 2, "vector": [1, 2]}],
                                                                                distance_metric="cosine_distance")), items=1)
add("metric_is_needed", fails(400, "distance_metric must be specified for write to namespace with a vector",
                              put({"id": 1, "vector": [1, 2]})), exists(False), items=1)
add("metric_stays", put({"id": 1, "vector": [1, 2]}, distance_metric="cosine_distance"),
    fails(400, "distance metric mismatch, expected cosine_distance, got euclidean_squared",
          put({"id": 2, "vector": [1, 2]}, distance_metric="euclidean_squared")), put({"id": 2, "vector": [1, 2]}), items=1)
add("metric_without_vectors", fails(400, "the `distance_metric` field cannot be provided, namespace configured without vector indexing",
                                    put({"id": 1}, distance_metric="cosine_distance")), items=1)
add("unknown_metric", fails(422, "distance_metric", put({"id": 1, "vector": [1]}, distance_metric="manhattan")), exists(False), items=1)
add("empty_write", put({"id": 1}), fails(400, "", write({})), items=1)
add("encryption_key_is_malformed",
    fails(400, "Malformed Cloud KMS crypto key: mykey",
          put({"id": 1}, encryption={"mode": "customer-managed", "key_name": "mykey"})), exists(False), items=29)
add("encryption_of_old_clients", fails(400, "Malformed Cloud KMS crypto key: mykey",
                                       put({"id": 1}, encryption={"cmek": {"key_name": "mykey"}})), items=29)
add("encryption_by_default", put({"id": 1}, encryption={"mode": "default"}), op("metadata", Has(encryption=Has(mode="default"))), items=29)
add("backpressure_may_be_disabled", put({"id": 1}, disable_backpressure=True), all_ids(1), items=1)
add("unknown_members_are_ignored", put({"id": 1}, something_new={"a": 1}),
    ids([1], rank_by=["id", "asc"], limit=1, something_new=True), items=1)

add("thousand_attributes", put({"id": 1, **{f"a{n}": n for n in range(1023)}}),
    fails(400, "1", write(upsert_rows=[{"id": 2, "one_more": 1}])), put({"id": 2, "a5": 5}), all_ids(1, 2), items=1)
add("two_thousand_rows", write(upsert_columns={"id": list(range(2000)), "n": [n * n % 97 for n in range(2000)]}, affected=2000),
    write(deletes=list(range(0, 2000, 2)), affected=1000), op("scan", {"rows": Rows(range(1, 2000, 2)), "pages": 4}).but(page=300),
    found([n for n in range(1, 2000, 2) if n * n % 97 == 4], ["n", "Eq", 4]), items=1)
add("values_of_a_mebibyte", put({"id": 1, "raw": base64.b64encode(bytes(range(256)) * 4096).decode()}, schema={"raw": "bytes"}),
    all_rows({"id": 1, "raw": base64.b64encode(bytes(range(256)) * 4096).decode()}), items=1)

# Every type.
EVERY = {"s": "straße 日本 🐡", "n": -7, "u": 7, "f": 0.1, "b": True, "g": UUIDS[0], "d": "2024-03-02T12:30:15.125000000Z",
         "raw": "aGVsbG8=", "ss": ["a", "", "c"], "ns": [1, -2, 3], "us": [0, 9], "fs": [0.5, 1e300], "bs": [True, False],
         "gs": UUIDS[1:3], "ds": ["1969-12-31T23:59:59.500000000Z"]}
TYPES = {"s": "string", "n": "int", "u": "uint", "f": "float", "b": "bool", "g": "uuid", "d": "datetime", "raw": "bytes", "ss": "[]string",
         "ns": "[]int", "us": "[]uint", "fs": "[]float", "bs": "[]bool", "gs": "[]uuid", "ds": "[]datetime"}
add("every_type_comes_back", put({"id": 1, **EVERY}, schema=TYPES), all_rows({"id": 1, **EVERY}),
    op("schema", Has(**{name: Has(type=kind) for name, kind in TYPES.items()})), items=17)
add("every_type_is_patched", put({"id": 1, "keep": "me"}, schema=TYPES), write(patch_rows=[{"id": 1, **EVERY}], affected=1),
    all_rows({"id": 1, "keep": "me", **EVERY}), write(patch_rows=[{"id": 1, **dict.fromkeys(EVERY)}], affected=1),
    all_rows({"id": 1, "keep": "me"}), items=14)
add("types_are_inferred", put({"id": "x", "s": "t", "n": 1, "b": False, "ss": ["t"], "ns": [1], "bs": [True], "e": []}),
    op("schema", Has(id=Has(type="string"), s=Has(type="string"), n=Has(type="int"), b=Has(type="bool"), ss=Has(type="[]string"),
                     ns=Has(type="[]int"), bs=Has(type="[]bool"), e=Has(type="[]unknown"))),
    put({"id": "y", "e": [5]}), op("schema", Has(e=Has(type="[]int"))),
    all_rows({"id": "x", "s": "t", "n": 1, "b": False, "ss": ["t"], "ns": [1], "bs": [True], "e": []}, {"id": "y", "e": [5]}), items=17)
add("datetimes_of_many_spellings",
    write(upsert_columns={"id": [1, 2, 3, 4, 5], "d": ["2015-01-20", "2015-01-20T12:34:56", "2015-01-20T12:34:56-04:00",
                                                       "2015-01-20T12:34:56.123456789Z", "2015-01-20T12:34:56.5+00:00"]},
          schema={"d": "datetime"}, affected=5),
    all_rows({"id": 1, "d": "2015-01-20T00:00:00.000000000Z"}, {"id": 2, "d": "2015-01-20T12:34:56.000000000Z"},
             {"id": 3, "d": "2015-01-20T16:34:56.000000000Z"}, {"id": 4, "d": "2015-01-20T12:34:56.123000000Z"},
             {"id": 5, "d": "2015-01-20T12:34:56.500000000Z"}), items=17)
add("no_datetime", fails(400, "d", put({"id": 1, "d": "yesterday"}, schema={"d": "datetime"})),
    fails(400, "d", put({"id": 1, "d": 1700000000}, schema={"d": "datetime"})), exists(False), items=17)
add("unicode_and_control_characters", put({"id": "\u0000\u001f", "s": "\"\\\u2028\U0001f9ff\u0001", "ß": "ü"}),
    all_rows({"id": "\u0000\u001f", "s": "\"\\\u2028\U0001f9ff\u0001", "ß": "ü"}), items=1)

# Patches.
add("patches_by_rows_and_columns",
    put({"id": 1, "vector": [1, 1]}, {"id": 2, "vector": [2, 2]}, distance_metric="cosine_distance"),
    write(patch_rows=[{"id": 1, "a": 1}, {"id": 2, "b": "x"}], affected=2, answer={"rows_patched": 2}),
    write(patch_columns={"id": [1, 2], "a": [11, 12], "c": [True, None]}, affected=2, answer={"rows_patched": 2}),
    all_rows({"id": 1, "vector": [1, 1], "a": 11, "c": True}, {"id": 2, "vector": [2, 2], "a": 12, "b": "x"}), items=14)
add("patches_of_missing_rows_are_ignored", put({"id": 1, "a": 1}),
    write(patch_rows=[{"id": 1, "a": 2}, {"id": 9, "a": 3}], affected=1, answer={"rows_patched": 1}), all_rows({"id": 1, "a": 2}), items=14)
add("patch_with_null_removes", put({"id": 1, "a": 1, "b": 2}), write(patch_rows=[{"id": 1, "a": None}], affected=1),
    all_rows({"id": 1, "b": 2}), items=14)
add("patch_replaces_arrays_whole", put({"id": 1, "t": ["a", "b"]}), write(patch_rows=[{"id": 1, "t": ["c"]}]),
    all_rows({"id": 1, "t": ["c"]}), items=14)
add("vectors_are_not_patched", put({"id": 1, "vector": [1, 1]}, distance_metric="cosine_distance"),
    fails(400, "patching vectors is currently unsupported", write(patch_rows=[{"id": 1, "vector": [2, 2]}])),
    fails(400, "patching vectors is currently unsupported", write(patch_columns={"id": [1], "vector": [[2, 2]]})),
    all_rows({"id": 1, "vector": [1, 1]}), items=14)
add("upserts_patches_and_deletes_in_one_write",
    put({"id": 1, "a": 1}, {"id": 2, "a": 2}, {"id": 3, "a": 3}),
    write(upsert_rows=[{"id": 4, "a": 4}], patch_rows=[{"id": 1, "b": 1}], deletes=[2], affected=3,
          answer={"rows_upserted": 1, "rows_patched": 1, "rows_deleted": 1}),
    all_rows({"id": 1, "a": 1, "b": 1}, {"id": 3, "a": 3}, {"id": 4, "a": 4}), items=14)
add("rows_and_columns_in_one_write", write(upsert_rows=[{"id": 1, "a": 1}], upsert_columns={"id": [2, 3], "a": [2, 3]}, affected=3),
    all_rows({"id": 1, "a": 1}, {"id": 2, "a": 2}, {"id": 3, "a": 3}), items=4)

# Life of a namespace.
add("nowhere", fails(404, "namespace '$a' was not found", query(rank_by=["id", "asc"], limit=1)), fails(404, "", op("metadata")),
    fails(404, "", op("schema")), fails(404, "", delete_all()), fails(404, "", op("hint_cache_warm")), exists(False), items=9)
add("emptied_namespaces_stay", put({"id": 1, "a": 1}), write(deletes=[1], affected=1), all_rows(), exists(True),
    op("schema", {"id": ANY, "a": ANY}), items=9)
add("delete_and_create_again", exists(False), put({"id": 1, "a": 1}), exists(True), delete_all(), exists(False),
    fails(404, "", query(rank_by=["id", "asc"], limit=1)), fails(404, "", delete_all()), put({"id": "x", "a": "now a text"}),
    all_rows({"id": "x", "a": "now a text"}), items=12)
add("deletes_do_not_create", write(deletes=[1, 2], affected=2), exists(False), items=3)
add("patches_need_a_namespace", fails(404, "was not found", write(patch_rows=[{"id": 1, "a": 1}])), exists(False), items=14)
add("schema_alone_needs_a_namespace", fails(404, "was not found", write(schema={"a": "int"})), exists(False), items=17)
add("cache_hint", put({"id": 1}), op("hint_cache_warm", Has(status="ACCEPTED", message=ANY)),
    op("hint_cache_warm", Has(status="ACCEPTED", message=ANY)), items=9)
add("writers_at_the_same_time", put({"id": 0}), together(*(put({"id": n, "n": n}) for n in range(1, 9))),
    all_rows({"id": 0}, *({"id": n, "n": n} for n in range(1, 9))), items=1)
add("one_row_for_two_writers", together(put({"id": 1, "a": 1}), put({"id": 1, "a": 1})), all_rows({"id": 1, "a": 1}), items=1)
add("namespace_names", put({"id": 1}), fails(400, "must be [A-Za-z0-9-_.]", http("GET", "/v1/namespaces/a%20b/schema", ANY)),
    fails(400, "128 characters", http("GET", f"/v1/namespaces/{'a' * 129}/schema", ANY)), items=9)
add("unknown_routes", fails(404, "", http("GET", "/v1/namespaces/$a/no/such", ANY)), fails(404, "", http("GET", "/v3/namespaces", ANY)),
    items=9)
