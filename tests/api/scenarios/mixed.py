"""Features that meet: text on branches, conditions and filters of every kind, many rows, schemas that change under data."""
from dsl import (ANY, TEXT, Approx, Check, Has, Rows, all_ids, all_rows, counts, delete_all, exists, fails, found, group, groups, ids, multi, op, put, query,
                 rows, together, write)
from texts import bm25, full, scored

add = group("mixed")
WORDS = "amber birch cedar dune echo fjord glade heath".split()


def text_of(n):
    return " ".join(WORDS[(n * 3 + k * k) % 8] for k in range(2 + n % 5))


ROWS = [{"id": n, "t": text_of(n), "n": n, "tag": f"t{n % 4}", "vector": [n % 7, n % 5, 1]} for n in range(60)]
FILL = put(*ROWS, schema={"t": full(), "tag": {"type": "string", "glob": True, "filterable": True}}, distance_metric="euclidean_squared")
TEXTS = {row["id"]: row["t"] for row in ROWS}


def having(*words):
    return [n for n, text in TEXTS.items() if set(words) <= set(text.split())]


add("delete_by_words", FILL, write(delete_by_filter=["t", "ContainsAllTokens", "amber"], affected=len(having("amber"))),
    all_ids(*(n for n in TEXTS if "amber" not in TEXTS[n].split())), ids([], rank_by=["t", "BM25", "amber"], limit=100),
    found([n for n in having("birch") if n not in having("amber")], ["t", "ContainsAllTokens", "birch"]))
add("patch_by_words", FILL, write(patch_by_filter={"filters": ["t", "ContainsTokenSequence", "zephyr"], "patch": {"t": "no"}}, affected=0),
    write(patch_by_filter={"filters": ["t", "ContainsAnyToken", "dune"], "patch": {"t": "zephyr zephyr", "hit": True}},
        affected=len(having("dune"))),
    found(having("dune"), ["t", "ContainsAllTokens", "zephyr"]), found(having("dune"), ["hit", "Eq", True]),
    rows(scored(bm25({**TEXTS, **dict.fromkeys(having("dune"), "zephyr zephyr")}, ["zephyr"]))[:5], rank_by=["t", "BM25", "zephyr"],
        limit=5))
add("condition_on_words", FILL,
    write(upsert_rows=[{"id": n, "t": "new", "vector": [0, 0, 0]} for n in range(10)], upsert_condition=["t", "ContainsAllTokens", "echo"],
          affected=len([n for n in having("echo") if n < 10])),
    found([n for n in having("echo") if n < 10], ["t", "ContainsAllTokens", "new"]))
add("condition_by_globs", FILL, write(deletes=list(range(60)), delete_condition=["tag", "Glob", "t[12]"], affected=30),
    all_ids(*(n for n in range(60) if n % 4 not in (1, 2))))
add("words_of_a_branch", FILL, op("settle", ANY), write(branch_from_namespace="$a", ns="b"), write(deletes=having("amber"), ns="b"),
    put({"id": 100, "t": "amber only here", "vector": [0, 0, 0]}, ns="b"), ids([100], rank_by=["t", "BM25", "amber"], limit=9, ns="b"),
    found(having("amber"), ["t", "ContainsAllTokens", "amber"]), op("settle", ANY, ns="b"), delete_all(),
    ids([100], rank_by=["t", "BM25", "amber"], limit=9, ns="b"),
    found([n for n in having("cedar") if n not in having("amber")], ["t", "ContainsAllTokens", "cedar"], ns="b"))
add("branch_with_conditions", put({"id": 1, "v": 1}, {"id": 2, "v": 5}), write(branch_from_namespace="$a", ns="b"),
    *(write(upsert_rows=[{"id": 1, "v": 3}, {"id": 2, "v": 3}], upsert_condition=["v", "Lt", {"$ref_new": "v"}], affected=1,
        ns=ns) for ns in "ab"),
    write(delete_by_filter=["v", "Eq", 3], affected=1, ns="b"), all_rows({"id": 1, "v": 3}, {"id": 2, "v": 5}),
    all_rows({"id": 2, "v": 5}, ns="b"))
add("branch_and_drop", put({"id": 1, "a": "x", "b": 1}), write(branch_from_namespace="$a", ns="b"),
    write(schema={"a": {"drop": True}}, ns="b"),
    put({"id": 2, "a": 7}, ns="b"), all_rows({"id": 1, "a": "x", "b": 1}), all_rows({"id": 1, "b": 1}, {"id": 2, "a": 7}, ns="b"),
    write(copy_from_namespace="$b", ns="c", affected=2), all_rows({"id": 1, "b": 1}, {"id": 2, "a": 7}, ns="c"))
add("branch_of_a_branch_of_a_copy", FILL, write(copy_from_namespace="$a", ns="b", affected=60), write(branch_from_namespace="$b", ns="c"),
    write(branch_from_namespace="$c", ns="d"), delete_all(), delete_all(ns="c"), write(deletes=list(range(0, 60, 2)), ns="d"),
    all_ids(*range(60), ns="b"), all_ids(*range(1, 60, 2), ns="d"), op("metadata", Has(branching=Has(parent="$c")), ns="d"),
    ids([7], rank_by=["vector", "ANN", [0, 2, 1]], limit=1, ns="d"))
add("many_branches_at_once", FILL, together(*(write(branch_from_namespace="$a", ns=ns) for ns in "bcdefg")),
    *(write(deletes=[number], ns=ns) for number, ns in enumerate("bcdefg")),
    *(all_ids(*(n for n in range(60) if n != number), ns=ns) for number, ns in enumerate("bcdefg")), all_ids(*range(60)))
add("copy_while_it_is_written", FILL, together(write(copy_from_namespace="$a", ns="b"),
    *(put({"id": n, "vector": [1, 1, 1]}) for n in range(100, 104))),
    query(rank_by=["id", "asc"], limit=100, ns="b", answer={"rows": Check(lambda hits: [hit["id"] for hit in hits][:60] == list(range(60)),
                                                                          "at least the first sixty")}))
add("fifty_thousand_and_one", write(upsert_columns={"id": list(range(50001)), "n": [1] * 50001}, affected=50001),
    fails(400, "50000", write(patch_by_filter={"filters": ["n", "Eq", 1], "patch": {"n": 2}})),
    counts({"c": 50001}, aggregate_by={"c": ["Count"]}, filters=["n", "Eq", 1]),
    write(patch_by_filter={"filters": ["n", "Eq", 1], "patch": {"n": 2}}, patch_by_filter_allow_partial=True, affected=50000,
        answer={"rows_remaining": True}),
    groups([{"n": 1, "c": 1}, {"n": 2, "c": 50000}], aggregate_by={"c": ["Count"]}, group_by=["n"]),
    write(delete_by_filter=["n", "Eq", 2], affected=50000), counts({"c": 1}, aggregate_by={"c": ["Count"]}))
add("words_after_a_schema_change", FILL, op("settle", ANY), op("update_schema", ANY,
    {"t": {"type": "string", "full_text_search": False, "filterable": True}}),
    fails(400, "t", query(rank_by=["t", "BM25", "amber"], limit=1)), found([3], ["And", [["t", "Eq", text_of(3)], ["id", "Eq", 3]]]),
    op("update_schema", ANY, {"t": {"type": "string", "full_text_search": {"stemming": True}}}),
    found(having("amber"), ["t", "ContainsAllTokens", "ambers"]), op("settle", ANY),
    found(having("amber"), ["t", "ContainsAllTokens", "ambers"]))
add("everything_in_one_query", FILL,
    rows([{"id": n, "$dist": Approx(score), "tag": f"t{n % 4}", "old": n < 30, "far": Approx((n % 7) ** 2 + (n % 5) ** 2 + 1)}
          for n, score in bm25(TEXTS, ["amber", "cedar"]) if n % 4 in (0, 3)][2:6],
         rank_by=["t", "BM25", "amber cedar"], limit=4, offset=2, filters=["Or", [["tag", "Glob", "*0"], ["tag", "In", ["t3"]]]],
         include_attributes=["tag"], compute_attributes={"old": ["n", "Lt", 30], "far": ["vector", "VectorDist", [0, 0, 0]]}))
add("five_kinds_at_once", FILL,
    multi([Rows([n for n, _ in bm25(TEXTS, ["echo"])][:3]), Rows([0, 35]), Rows([59, 58]), Has(aggregations={"c": len(having("fjord"))}),
           Has(aggregation_groups=[{"tag": f"t{n}", "s": sum(range(n, 60, 4))} for n in range(4)])],
          {"rank_by": ["t", "BM25", "echo"], "limit": 3}, {"rank_by": ["vector", "ANN", [0, 0, 1]], "limit": 2},
          {"rank_by": ["n", "desc"], "limit": 2},
          {"aggregate_by": {"c": ["Count"]}, "filters": ["t", "ContainsAllTokens", "fjord"]},
          {"aggregate_by": {"s": ["Sum", "n"]}, "group_by": ["tag"]}))
add("plans_of_everything", FILL, *(op("explain_query", {"plan_text": TEXT}, request) for request in (
    {"rank_by": ["t", "BM25", "amber"], "limit": 3}, {"rank_by": ["n", "desc"], "limit": 3, "filters": ["tag", "Glob", "t*"]},
    {"rank_by": ["vector", "kNN", [1, 1, 1]], "limit": 3, "filters": ["n", "Gt", 5]},
    {"aggregate_by": {"s": ["Sum", "n"]}, "group_by": ["tag"]})))
add("emptied_by_filter_and_filled", FILL, write(delete_by_filter=["n", "Gte", 0], affected=60), all_rows(), exists(True), FILL,
    write(deletes=[0]),
    ids([n for n, _ in bm25({n: t for n, t in TEXTS.items() if n}, ["glade"])][:1], rank_by=["t", "BM25", "glade"], limit=1),
    all_ids(*range(1, 60)))
