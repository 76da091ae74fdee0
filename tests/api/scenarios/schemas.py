"""Schemas and metadata: both views to the last member, changes allowed and not, dropped attributes, settings."""
from dsl import (ANY, MOMENT, Check, Has, all_ids, all_rows, delete_all, exists, fails, found, group, http, ids, op, put, query, race,
                 together, write)

add = group("schema")
FTS = {"k1": 1.2, "b": 0.75, "k3": 8.0, "language": "english", "stemming": True, "remove_stopwords": True, "ascii_folding": False,
       "case_sensitive": False, "max_token_length": 39, "tokenizer": "word_v4"}
FILL = put({"id": 1, "vector": [0.1, 0.2], "title": "the fox", "flag": True, "tags": ["a"]}, distance_metric="cosine_distance",
           schema={"title": {"type": "string", "full_text_search": {"language": "english", "stemming": True, "remove_stopwords": True}}})
VIEW = {"id": {"type": "uint", "filterable": None, "full_text_search": None},
        "title": {"type": "string", "filterable": False, "full_text_search": FTS},
        "flag": {"type": "bool", "filterable": True, "full_text_search": None},
        "tags": {"type": "[]string", "filterable": True, "full_text_search": None},
        "vector": {"type": "[2]f32", "ann": True, "filterable": None, "full_text_search": None}}
TYPED = {"java": "its types drop null members, and its metadata is that of /v1"}
add("schema_view", FILL, op("schema", VIEW), items=17)
add("schema_view_of_other_columns",
    put({"id": "a", "more": [1, 2], "g": "x", "w": {"a": 1}}, distance_metric="cosine_distance",
        schema={"more": {"type": "[2]f16", "ann": True}, "g": {"type": "string", "glob": True, "regex": True, "fuzzy": True}}),
    op("schema", {"id": {"type": "string", "filterable": None, "full_text_search": None},
                  "more": {"type": "[2]f16", "ann": True, "filterable": False, "full_text_search": None},
                  "g": {"type": "string", "filterable": False, "full_text_search": None, "glob": True, "regex": True, "fuzzy": True},
                  "w": {"type": "{}f16", "filterable": False, "full_text_search": None}}), items=17)
add("metadata_exactly", FILL,
    op("metadata", {"approx_logical_bytes": 0, "approx_row_count": 0, "encryption": {"mode": "default"}, "index": {"status": "up-to-date"},
                    "updated_at": MOMENT, "last_write_at": MOMENT, "created_at": MOMENT,
                    "schema": {"id": {"type": "uint"}, "title": {"type": "string", "filterable": False, "full_text_search": FTS},
                               "flag": {"type": "bool", "filterable": True}, "tags": {"type": "[]string", "filterable": True},
                               "vector": {"type": "[2]f32", "ann": {"distance_metric": "cosine_distance"}}}}),
    items=17, usual_only=True, without=TYPED)
BOTH = Check(lambda answer: answer["parsed"]["encryption"] == {"mode": "default", "sse": True} and "last_write_at" in answer["parsed"],
             "the metadata of /v1")
add("metadata_of_v1", put({"id": 1}), http("GET", "/v1/namespaces/$a/metadata", BOTH), items=17)
add("schema_under_both_versions", put({"id": 1}), *(http("GET", f"/{v}/namespaces/$a/schema", Has(status=200)) for v in ("v1", "v2")),
    items=17)
add("counters_arrive", put(*({"id": n} for n in range(5))),
    op("settle", ANY), op("metadata", Has(index=Has(status="up-to-date"), approx_row_count=Check(lambda n: n in (0, 5), "0 or 5"))),
    items=37)
add("update_schema_answers_all", FILL,
    op("update_schema", {**VIEW, "flag": {"type": "bool", "filterable": False, "full_text_search": None},
                         "new": {"type": "[]int", "filterable": True, "full_text_search": None}},
       {"flag": {"type": "bool", "filterable": False}, "new": "[]int"}), all_rows(
        {"id": 1, "vector": [0.1, 0.2], "title": "the fox", "flag": True, "tags": ["a"]}), items=17)
add("filterable_on_and_off", put({"id": 1, "a": 1, "b": "x"}, schema={"a": {"type": "int", "filterable": False}}),
    fails(400, "a", found([], ["a", "Eq", 1])), write(schema={"a": {"type": "int", "filterable": True}}, affected=0),
    found([1], ["a", "Eq", 1]),
    op("update_schema", Has(b=Has(filterable=False)), {"b": {"type": "string", "filterable": False}}),
    fails(400, "b", found([], ["b", "Eq", "x"])), items=17)
add("indexes_on_and_off", put({"id": 1, "s": "x"}),
    op("update_schema", Has(s=Has(glob=True, fuzzy=True, filterable=True)), {"s": {"type": "string", "glob": True, "fuzzy": True}}),
    op("update_schema", Has(s=Check(lambda s: "fuzzy" not in s and s["glob"] is True, "glob only")),
        {"s": {"type": "string", "fuzzy": False}}),
    op("update_schema", Has(s=Check(lambda s: "glob" not in s and s["filterable"] is True, "no index but the filter's")), {"s": "string"}),
    items=17)
add("full_text_is_merged", put({"id": 1, "s": "x"}, schema={"s": {"type": "string", "full_text_search": {"stemming": True, "k1": 2.0}}}),
    op("update_schema", Has(s=Has(full_text_search=Has(stemming=True, k1=2.0, b=0.5))),
        {"s": {"type": "string", "full_text_search": {"b": 0.5}}}),
    op("update_schema", Has(s=Has(full_text_search=Has(stemming=True, k1=2.0, b=0.5))),
        {"s": {"type": "string", "full_text_search": True}}),
    op("update_schema", Has(s=Has(full_text_search=None)), {"s": {"type": "string", "full_text_search": False}}), items=17,
    without={"java": "its types drop null members"})
for name, fts, text in (
        ("stemming_and_case", {"stemming": True, "case_sensitive": True}, "stemming is not supported when case sensitivity is enabled"),
        ("stop_words_and_case", {"remove_stopwords": True, "case_sensitive": True},
         "stopword removal is not supported when case sensitivity is enabled"),
        ("stop_words_of_greek", {"remove_stopwords": True, "language": "greek"}, "stopword removal is not supported for language: greek"),
        ("k1", {"k1": 0}, ""), ("b", {"b": 1.5}, ""), ("k3", {"k3": -1}, ""), ("token_length", {"max_token_length": 0}, "")):
    add(f"full_text_refuses_{name}", fails(400, text, put({"id": 1, "s": "x"}, schema={"s": {"type": "string", "full_text_search": fts}})),
        exists(False), items=18)
for name, fts in (("language", {"language": "klingon"}), ("tokenizer", {"tokenizer": "word_v9"}), ("bool", {"stemming": "yes"})):
    add(f"full_text_shape_{name}", fails(422, "", put({"id": 1, "s": "x"}, schema={"s": {"type": "string", "full_text_search": fts}})),
        items=18)
add("full_text_is_for_texts", fails(400, "", put({"id": 1, "n": 1}, schema={"n": {"type": "int", "full_text_search": True}})),
    fails(400, "cannot specify stemming with `pre_tokenized_array` tokenizer",
          put({"id": 1, "s": ["x"]}, schema={"s": {"type": "[]string",
              "full_text_search": {"tokenizer": "pre_tokenized_array", "stemming": True}}})),
    fails(400, "", put({"id": 1, "s": "x"}, schema={"s": {"type": "string", "full_text_search": {"tokenizer": "pre_tokenized_array"}}})),
    items=20)
add("unknown_options_are_ignored",
    put({"id": 1, "s": "x"}, schema={"s": {"type": "string", "colour": "red", "full_text_search": {"index_prefixes": True}}}),
    op("schema", Has(s=Has(full_text_search=Has(tokenizer="word_v4")))), items=17)
add("types_never_change", put({"id": 1, "a": 1, "s": "x"}),
    fails(400, "", op("update_schema", ANY, {"a": {"type": "string"}}), attribute="a"),
    fails(400, "", write(schema={"s": {"type": "[]string"}}, upsert_rows=[{"id": 2}]), attribute="s"),
    fails(400, "", write(schema={"id": "string"}), attribute="id"), all_ids(1), items=17)
for name, definition, status in (("number", 5, 422), ("no_type", {"filterable": True}, 422), ("unknown_type", "complex", 400),
                                 ("bad_flag", {"type": "string", "filterable": "yes"}, 422), ("bad_type", {"type": 7}, 422)):
    add(f"definition_{name}", put({"id": 1}), fails(status, "", write(schema={"a": definition})), op("schema", {"id": ANY}), items=17)
add("declared_but_unused", put({"id": 1}, schema={"a": "datetime", "b": "[]uuid"}),
    op("schema", Has(a=Has(type="datetime"), b=Has(type="[]uuid"))), write(patch_rows=[{"id": 1, "a": "2024-01-01"}]),
    all_rows({"id": 1, "a": "2024-01-01T00:00:00.000000000Z"}), items=17)
add("two_inferences_at_once", put({"id": 0}),
    together(put({"id": 1, "x": 1}), put({"id": 2, "x": 1})), op("schema", Has(x=Has(type="int"))), all_rows(
        {"id": 0}, {"id": 1, "x": 1}, {"id": 2, "x": 1}), items=17)
add("int_or_text_at_once", put({"id": 0}, {"id": 1}, {"id": 2}),
    *(race(lambda outcomes: sorted(outcome.get("error", {}).get("status", 200) for outcome in outcomes) == [200, 400], "one winner",
           put({"id": 1, f"x{n}": 1}), put({"id": 2, f"x{n}": "text"})) for n in range(8)), all_ids(0, 1, 2), items=17)
add("moments_move", put({"id": 1, "a": 1}), op("metadata", Has(updated_at=MOMENT)).but(save={"written": "last_write_at",
    "updated": "updated_at"}),
    op("update_schema", ANY, {"a": {"type": "int", "filterable": False}}), op("metadata", Has(last_write_at=MOMENT, updated_at=MOMENT)),
    items=17)

# Dropped attributes.
drop = group("drop")
drop("dropped_and_gone", put({"id": 1, "a": "x", "b": 1}, {"id": 2, "a": "y"}), write(schema={"a": {"drop": True}}, affected=0),
     all_rows({"id": 1, "b": 1}, {"id": 2}), op("schema", {"id": ANY, "b": ANY}),
     fails(400, "attribute not found", found([], ["a", "Eq", "x"])),
     fails(400, "a", query(rank_by=["a", "asc"], limit=1)), items=33)
drop("old_values_never_return", put({"id": 1, "a": "x"}, {"id": 2, "a": "y"}), op("update_schema", {"id": ANY}, {"a": {"drop": True}}),
     put({"id": 3, "a": 7}), all_rows({"id": 1}, {"id": 2}, {"id": 3, "a": 7}), found([1, 2], ["a", "Eq", None]),
     found([3], ["a", "Gt", 0]),
     op("settle", ANY), all_rows({"id": 1}, {"id": 2}, {"id": 3, "a": 7}), write(patch_rows=[{"id": 1, "a": 8}]),
     all_rows({"id": 1, "a": 8}, {"id": 2}, {"id": 3, "a": 7}), items=33)
drop("drop_twice", put({"id": 1, "a": 1}), *(write(schema={"a": {"drop": True}}, affected=0) for _ in range(3)), all_rows({"id": 1}),
    items=33)
drop("drop_refusals", put({"id": 1, "vector": [1, 2], "a": 1}, distance_metric="cosine_distance"),
     fails(400, "", write(schema={"a": {"drop": False}})), fails(400, "", write(schema={"a": {"drop": True, "type": "int"}})),
     fails(422, "", write(schema={"a": {"drop": "yes"}})), fails(400, "", write(schema={"id": {"drop": True}})),
     fails(400, "", write(schema={"vector": {"drop": True}})),
     fails(400, "", write(schema={"a": {"drop": True}}, patch_rows=[{"id": 1, "a": 2}])),
     all_rows({"id": 1, "vector": [1, 2], "a": 1}), items=33)
drop("drop_beside_rows", put({"id": 1, "a": 1}), write(schema={"a": {"drop": True}}, upsert_rows=[{"id": 2, "b": 2}], affected=1),
     all_rows({"id": 1}, {"id": 2, "b": 2}), items=33)

# Created empty.
create = group("create_namespace")
create("created_empty", write(create_namespace=True, schema={"id": "uint"}, affected=0), exists(True), all_rows(),
       write(create_namespace=True, schema={"id": "uint"}, affected=0), op("metadata", Has(approx_row_count=0)), put({"id": 1}),
       all_ids(1), items=31)
create("created_needs_the_id", fails(400, 'requires the type of "id" in schema', write(create_namespace=True)), exists(False),
       fails(400, "", write(create_namespace=True, schema={"a": "int"})), exists(False), items=31)
create("never_created", fails(404, "namespace '$a' was not found", write(create_namespace=False, upsert_rows=[{"id": 1}])), exists(False),
       put({"id": 1}), write(create_namespace=False, upsert_rows=[{"id": 2}], affected=1), all_ids(1, 2), items=31)
create("created_on_an_existing_one", put({"id": 1}), write(create_namespace=True, upsert_rows=[{"id": 2}], affected=1),
       write(create_namespace=True, affected=0), all_ids(1, 2), items=31)
create("created_whole", write(create_namespace=True, distance_metric="cosine_distance",
                              schema={"id": "uuid", "vector": {"type": "[2]f32", "ann": True}, "t": "string"}, affected=0),
       op("schema", Has(id=Has(type="uuid"), vector=Has(type="[2]f32"), t=Has(type="string"))),
       put({"id": "0" * 31 + "1", "vector": [1, 2]}), all_ids("00000000-0000-0000-0000-000000000001"), items=31)
create("created_by_deletes", write(create_namespace=True, schema={"id": "uint"}, deletes=[1, 2], affected=0), exists(True), all_rows(),
    items=31)
create("created_by_two", together(*(write(create_namespace=True, schema={"id": "uint"}, affected=0) for _ in range(4))), exists(True),
       fails(400, "", write(create_namespace=True, schema={"id": "string"}), attribute="id"), items=31)
create("create_shape", fails(422, "", write(create_namespace="yes")), exists(False), items=31)

# Read-only and pinned.
settings = group("settings")
READ_ONLY = "Writes not permitted. This namespace is read-only."
settings("read_only", put({"id": 1, "a": 1}), op("update_metadata", Has(read_only=True), read_only=True),
    fails(400, READ_ONLY, put({"id": 2})),
         fails(400, READ_ONLY, op("update_schema", ANY, {"b": {"type": "int"}})),
         fails(400, READ_ONLY, write(schema={"a": {"drop": True}})),
         fails(400, READ_ONLY, write(deletes=[99])), all_rows({"id": 1, "a": 1}), op("metadata", Has(read_only=True)),
         op("update_metadata", Check(lambda answer: "read_only" not in answer, "no read_only"), read_only=False), put({"id": 2}),
         all_ids(1, 2),
         op("metadata", Check(lambda answer: not answer.get("read_only"), "no read_only")), items=32)
settings("read_only_may_be_deleted", put({"id": 1}), op("update_metadata", ANY, read_only=True), delete_all(), exists(False), items=32)
settings("metadata_refusals", put({"id": 1}), fails(422, "", op("update_metadata", ANY, read_only="yes")),
         fails(422, "", op("update_metadata", ANY, pinning=7)), fails(404, "", op("update_metadata", ANY, read_only=True, ns="b")),
         items=32)
PINNED = {"replicas": 2, "status": {"replicas": 2, "ready_replicas": Check(lambda n: n in (0, 2), "none or all"),
                                    "utilization": Check(lambda n: 0 <= n <= 1, "a share"), "updated_at": MOMENT}}
settings("pinned", put({"id": 1}), op("update_metadata", Has(pinning=PINNED), pinning={"replicas": 2}), op("metadata", Has(pinning=PINNED)),
         ids([1], rank_by=["id", "asc"], limit=1), op("update_metadata", Has(pinning=Has(replicas=1)), pinning=True),
         op("update_metadata", Check(lambda answer: "pinning" not in answer, "no pinning"), pinning=None), items=37)
settings("sharding_is_kept", put({"id": 1}, sharding={"num_shards": 4}), op("metadata", Has(sharding={"num_shards": 4})),
         put({"id": 2}, sharding={"num_shards": 4}), fails(400, "", put({"id": 3}, sharding={"num_shards": 5})),
         fails(400, "", put({"id": 3}, sharding={"num_shards": 257}, ns="b")), all_ids(1, 2), items=37)
