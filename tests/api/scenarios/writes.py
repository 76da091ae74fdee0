"""Conditional writes, writes by filter, affected ids."""
from dsl import ANY, Check, Has, all_ids, all_rows, fails, group, put, race, write

add = group("conditions")
NEWER = ["version", "Lt", {"$ref_new": "version"}]
add("condition_of_the_contract", put({"id": 101, "version": 2}, {"id": 102, "version": 5}),
    write(upsert_rows=[{"id": 101, "version": 3}, {"id": 102, "version": 4}, {"id": 103, "version": 1}], upsert_condition=NEWER, affected=2,
          answer={"rows_upserted": 2}),
    all_rows({"id": 101, "version": 3}, {"id": 102, "version": 5}, {"id": 103, "version": 1}))
add("condition_of_columns", put({"id": 1, "version": 2, "a": "old"}, {"id": 2, "a": "old"}),
    write(upsert_columns={"id": [1, 2, 3], "version": [2, 1, None], "a": ["new", "new", "new"]}, upsert_condition=NEWER, affected=2),
    all_rows({"id": 1, "version": 2, "a": "old"}, {"id": 2, "version": 1, "a": "new"}, {"id": 3, "a": "new"}))
add("insert_if_absent", put({"id": 1, "a": "old"}), write(upsert_rows=[{"id": 1, "a": "new"}, {"id": 2, "a": "new"}],
                                                          upsert_condition=["id", "Eq", None], affected=1),
    all_rows({"id": 1, "a": "old"}, {"id": 2, "a": "new"}))
add("condition_with_null", put({"id": 1, "at": "2024-01-01"}, {"id": 2}, {"id": 3, "at": "2024-03-01"}, schema={"at": "datetime"}),
    write(upsert_rows=[{"id": n, "at": "2024-02-01"} for n in (1, 2, 3)],
          upsert_condition=["Or", [["at", "Lt", {"$ref_new": "at"}], ["at", "Eq", None]]], affected=2),
    all_rows({"id": 1, "at": "2024-02-01T00:00:00.000000000Z"}, {"id": 2, "at": "2024-02-01T00:00:00.000000000Z"},
             {"id": 3, "at": "2024-03-01T00:00:00.000000000Z"}))
add("patch_condition", put({"id": 1, "n": 1}, {"id": 2, "n": 2}),
    write(patch_rows=[{"id": n, "n": 5, "b": True} for n in (1, 2, 3)], patch_condition=["n", "Gte", 2], affected=1,
        answer={"rows_patched": 1}),
    all_rows({"id": 1, "n": 1}, {"id": 2, "n": 5, "b": True}),
    write(patch_columns={"id": [1, 2], "n": [2, 2]}, patch_condition=["n", "Lt", {"$ref_new": "n"}], affected=1),
    all_rows({"id": 1, "n": 2}, {"id": 2, "n": 5, "b": True}))
add("delete_condition", put({"id": 1, "n": 1}, {"id": 2, "n": 2}, {"id": 3}),
    write(deletes=[1, 2, 3, 4], delete_condition=["n", "Gt", 1], affected=1, answer={"rows_deleted": 1}), all_ids(1, 3),
    write(deletes=[1, 3], delete_condition=["n", "Eq", {"$ref_new": "n"}], affected=1), all_ids(1))
add("three_conditions", put({"id": 1, "n": 1}, {"id": 2, "n": 2}, {"id": 3, "n": 3}),
    write(upsert_rows=[{"id": 1, "n": 10}], upsert_condition=["n", "Eq", 1], patch_rows=[{"id": 2, "m": 1}], patch_condition=["n", "Eq", 1],
          deletes=[3], delete_condition=["n", "Eq", 3], affected=2, answer={"rows_upserted": 1, "rows_patched": 0, "rows_deleted": 1}),
    all_rows({"id": 1, "n": 10}, {"id": 2, "n": 2}))
add("condition_billing", put({"id": 1, "n": 1}),
    write(upsert_rows=[{"id": 1, "n": 2}], upsert_condition=["n", "Eq", 1], affected=1,
          answer={"billing": Has(query=Has(billable_logical_bytes_queried=ANY, billable_logical_bytes_returned=ANY))}))
add("conditional_ids", put({"id": 1, "n": 1}, {"id": 2, "n": 2}, {"id": 3, "n": 3}),
    write(upsert_rows=[{"id": 1, "n": 5}, {"id": 9, "n": 1}, {"id": 2, "n": 1}], upsert_condition=["n", "Lt", {"$ref_new": "n"}],
          deletes=[3, 77], delete_condition=["n", "Eq", 3], return_affected_ids=True, affected=3,
          answer={"upserted_ids": [1, 9], "deleted_ids": [3], "rows_upserted": 2, "rows_deleted": 1}))
add("counter", put({"id": 1, "n": 0}),
    *(write(patch_rows=[{"id": 1, "n": n + 1}], patch_condition=["n", "Eq", n], affected=1) for n in range(4)),
    write(patch_rows=[{"id": 1, "n": 9}], patch_condition=["n", "Eq", 2], affected=0), all_rows({"id": 1, "n": 4}))
def affected(outcomes):
    return sum(outcome["ok"]["rows_affected"] for outcome in outcomes)


add("one_of_four_wins", put({"id": 1, "n": 0}),
    *(race(lambda outcomes: affected(outcomes) == 1, "four answers, one of them of a change",
           *(write(patch_rows=[{"id": 1, "n": n + 1, "by": by}], patch_condition=["n", "Eq", n]) for by in range(4))) for n in range(3)),
    write(patch_rows=[{"id": 1, "by": None}], patch_condition=["n", "Eq", 3], affected=1), all_rows({"id": 1, "n": 3}))
add("first_come", put({"id": 0}),
    race(lambda outcomes: affected(outcomes) == 1, "four answers, one of them of an insertion",
         *(write(upsert_rows=[{"id": 7, "by": by}], upsert_condition=["id", "Eq", None]) for by in range(4))), all_ids(0, 7))
add("condition_refusals_write_nothing", put({"id": 1, "n": 1, "s": "x"}),
    write(upsert_rows=[{"id": 1, "n": 1, "s": "y"}], upsert_condition=["n", "Eq", 1], affected=1),
    fails(400, "", write(upsert_rows=[{"id": 1, "n": 2}], upsert_condition=["nothing", "Eq", 1])),
    fails(400, "", write(upsert_rows=[{"id": 1, "n": 2}], upsert_condition=["n", "Eq", {"$ref_new": "nothing"}])),
    fails(400, "", write(upsert_rows=[{"id": 1, "n": 2}], upsert_condition=["n", "Eq", {"$ref_new": "s"}])),
    fails(400, "", write(upsert_rows=[{"id": 1, "n": 2}], upsert_condition=["n", "Eq", "text"])),
    all_rows({"id": 1, "n": 1, "s": "y"}))
add("condition_alone", put({"id": 1, "n": 1}), write(deletes=[1], delete_condition=["n", "Eq", 7], affected=0),
    *(fails(400, "condition", write(upsert_rows=[{"id": 2}], **{condition: ["n", "Eq", 1]})) for condition in ("patch_condition",
        "delete_condition")),
    fails(400, "condition", write(deletes=[1], upsert_condition=["n", "Eq", 1])), all_ids(1))
add("conditions_do_not_rule_filters", put({"id": 1, "n": 1}), write(deletes=[1], delete_condition=["n", "Eq", 7], affected=0),
    fails(400, "", write(delete_by_filter=["n", "Eq", 1], delete_condition=["n", "Eq", 1])),
    fails(400, "", write(patch_by_filter={"filters": ["n", "Eq", 1], "patch": {"n": 2}}, patch_condition=["n", "Eq", 1])),
    all_rows({"id": 1, "n": 1}))
add("condition_creates", write(upsert_rows=[{"id": 1, "n": 1}], upsert_condition=["n", "Eq", 5], affected=1), all_rows({"id": 1, "n": 1}))
add("condition_on_a_missing_namespace", write(deletes=[1], delete_condition=["n", "Eq", 1], affected=0))
add("condition_shape", put({"id": 1, "n": 1}), write(deletes=[1], delete_condition=["n", "Eq", 7], affected=0),
    fails(422, "", write(upsert_rows=[{"id": 1}], upsert_condition=["n", "Equals", 1])),
    fails(422, "", write(deletes=[1], delete_condition="n = 1")))

by_filter = group("by_filter")
STOCK = [{"id": n, "n": n, "kind": "odd" if n % 2 else "even"} for n in range(1, 7)]
FILL = put(*STOCK)
by_filter("deletes_by_filter", FILL, write(delete_by_filter=["n", "Gt", 100], affected=0, answer={"rows_deleted": 0}),
          write(delete_by_filter=["n", "Lte", 2], affected=2, answer={"rows_deleted": 2}),
          write(delete_by_filter=["And", [["kind", "Eq", "even"], ["n", "Gt", 2]]], affected=2), all_ids(3, 5), items=10)
by_filter("deletes_all_by_filter", FILL, write(delete_by_filter=["id", "Gte", 0], affected=6), all_rows(),
          write(delete_by_filter=["id", "Gte", 0], affected=0), put({"id": 1}), all_ids(1), items=10)
by_filter("patches_by_filter", FILL,
          write(patch_by_filter={"filters": ["kind", "Eq", "odd"], "patch": {"kind": None, "new": ["x"]}}, affected=3,
              answer={"rows_patched": 3}),
          all_rows(*({"id": n, "n": n, **({"new": ["x"]} if n % 2 else {"kind": "even"})} for n in range(1, 7))), items=10)
by_filter("replaces_a_set", FILL,
          write(delete_by_filter=["kind", "Eq", "odd"], upsert_rows=[{"id": 1, "n": 100}, {"id": 9, "n": 9, "kind": "odd"}], affected=5,
                answer={"rows_deleted": 3, "rows_upserted": 2}),
          all_rows({"id": 1, "n": 100}, *(row for row in STOCK if row["kind"] == "even"), {"id": 9, "n": 9, "kind": "odd"}), items=10)
by_filter("order_inside_one_write", FILL,
          write(delete_by_filter=["id", "Lte", 2], patch_by_filter={"filters": ["id", "Lte", 3], "patch": {"n": 50}},
                patch_rows=[{"id": 2, "n": 60}, {"id": 3, "kind": "patched"}], affected=4,
                answer={"rows_deleted": 2, "rows_patched": 2}),
          all_rows({"id": 3, "n": 50, "kind": "patched"}, *STOCK[3:]), items=10)
by_filter("filters_see_the_state_before", FILL,
          write(patch_by_filter={"filters": ["n", "Eq", 100], "patch": {"kind": "seen"}}, upsert_rows=[{"id": 7, "n": 100}], affected=1),
          all_rows(*STOCK, {"id": 7, "n": 100}), items=10)
by_filter("filtered_ids", FILL,
          write(delete_by_filter=["n", "Gte", 5], deletes=[1], return_affected_ids=True, affected=3,
                answer={"deleted_ids": [5, 6, 1], "rows_deleted": 3}),
          write(patch_by_filter={"filters": ["n", "Lte", 3], "patch": {"m": 1}}, patch_rows=[{"id": 4, "m": 2}], return_affected_ids=True,
                affected=3, answer={"patched_ids": [2, 3, 4]}), items=10)
by_filter("partial_flags", FILL, write(delete_by_filter=["n", "Eq", 1], delete_by_filter_allow_partial=True, affected=1,
                                       answer={"rows_remaining": Check(lambda v: not v, "false or absent")}),
          write(patch_by_filter={"filters": ["n", "Eq", 2], "patch": {"n": 7}}, patch_by_filter_allow_partial=True, affected=1),
          fails(400, "", write(upsert_rows=[{"id": 9}], delete_by_filter_allow_partial=True)),
          fails(400, "", write(upsert_rows=[{"id": 9}], patch_by_filter_allow_partial=True)), all_ids(2, 3, 4, 5, 6), items=10)
by_filter("by_filter_refusals", FILL, write(delete_by_filter=["n", "Eq", 99], affected=0),
          fails(400, "", write(patch_by_filter={"filters": ["n", "Eq", 1], "patch": {"id": 2}})),
          fails(400, "", write(patch_by_filter={"filters": ["n", "Eq", 1], "patch": {"n": "text"}})),
          fails(400, "attribute not found", write(delete_by_filter=["nothing", "Eq", 1])),
          fails(422, "", write(patch_by_filter={"filters": ["n", "Eq", 1]})), fails(422, "", write(delete_by_filter=["n", "Equals", 1])),
          all_rows(*STOCK), items=10)
by_filter("patch_by_filter_and_vectors", put({"id": 1, "vector": [1, 2]}, distance_metric="cosine_distance"),
          write(patch_by_filter={"filters": ["id", "Eq", 1], "patch": {"a": 1}}, affected=1),
          fails(400, "patching vectors is currently unsupported",
              write(patch_by_filter={"filters": ["id", "Eq", 1], "patch": {"vector": [2, 2]}})),
          all_rows({"id": 1, "vector": [1, 2], "a": 1}), items=10)
by_filter("hit_twice_counts_twice", FILL,
          write(patch_by_filter={"filters": ["id", "Eq", 1], "patch": {"a": 1}}, patch_rows=[{"id": 1, "b": 2}], affected=2,
              answer={"rows_patched": 2}),
          all_rows({**STOCK[0], "a": 1, "b": 2}, *STOCK[1:]), items=10)
by_filter("by_filter_billing", FILL, write(delete_by_filter=["n", "Eq", 1], affected=1,
                                           answer={"billing": Has(query=Has(billable_logical_bytes_queried=ANY))}), items=10)
by_filter("filters_nowhere", put({"id": 1}, ns="b"), write(delete_by_filter=["id", "Eq", 5], affected=0, ns="b"),
          fails(404, "", write(delete_by_filter=["id", "Eq", 1])),
          fails(404, "", write(patch_by_filter={"filters": ["id", "Eq", 1], "patch": {"a": 1}})), items=10)
by_filter("glob_of_the_contract", put({"id": 1, "page": "https://A.com/x"}, {"id": 2, "page": "https://b.com"}),
          write(delete_by_filter=["page", "IGlob", "https://a.com*"], affected=1), all_ids(2), items=10)

ids = group("affected_ids")
ids("ids_of_every_kind", put({"id": 1, "a": 1}, {"id": 2, "a": 2}),
    write(upsert_rows=[{"id": 9}, {"id": 3}], patch_rows=[{"id": 2, "a": 3}, {"id": 77, "a": 1}], deletes=[1, 50], return_affected_ids=True,
          affected=5, answer={"upserted_ids": [9, 3], "patched_ids": [2], "deleted_ids": [1, 50]}))
ids("no_ids_unasked", write(upsert_rows=[{"id": 1}], answer={"upserted_ids": None}),
    write(patch_rows=[{"id": 5, "a": 1}], return_affected_ids=True, affected=0, answer={"patched_ids": Check(lambda v: not v, "nothing")}))
ids("ids_of_uuids", write(upsert_rows=[{"id": "0" * 31 + "A"}], schema={"id": "uuid"}, return_affected_ids=True,
                          answer={"upserted_ids": ["00000000-0000-0000-0000-00000000000a"]}))
