"""Orders, scores that need no text, what a query returns, pages, aggregations, several queries at once."""
from dsl import (ANY, Approx, Has, Rows, all_rows, counts, fails, group, groups, ids, multi, op, put, query, rows, write)

add = group("ranking")
PEOPLE = [{"id": 1, "name": "bo", "age": 30, "team": "red"}, {"id": 2, "name": "Al", "age": 25, "team": "blue"},
          {"id": 3, "name": "cy", "age": 30, "team": "red"}, {"id": 4, "name": "di", "team": "blue"}, {"id": 5, "age": 30}]
FILL = put(*PEOPLE)


def ordered(*keys):
    """Ids by several keys, null first upwards and last downwards, ties by id."""
    people = sorted(PEOPLE, key=lambda row: row["id"])
    for name, direction in reversed(keys):
        people = sorted(people, key=lambda row: (name in row, row.get(name, 0)), reverse=direction == "desc")
    return [row["id"] for row in people]


for name in ("name", "age", "id"):
    for direction in ("asc", "desc"):
        add(f"order_{name}_{direction}", FILL, ids(ordered((name, direction)), rank_by=[name, direction], limit=10), items=15)
add("order_of_a_string_column", write(upsert_columns={"id": [1, 2, 3, 4], "s": ["b", "a", "d", "c"]}, affected=4),
    rows([{"id": n, "s": s} for n, s in ((2, "a"), (1, "b"), (4, "c"), (3, "d"))], rank_by=["s", "asc"], top_k=10,
        include_attributes=["s"]),
    rows([{"id": n, "s": s} for n, s in ((3, "d"), (4, "c"))], rank_by=["s", "desc"], top_k=2, include_attributes=["s"]), items=15)
for keys in ((("age", "desc"), ("name", "asc")), (("team", "asc"), ("age", "asc"), ("id", "desc")), (("age", "asc"), ("team", "desc"))):
    add("order_" + "_".join(name + "_" + direction for name, direction in keys), FILL,
        ids(ordered(*keys), rank_by=[list(key) for key in keys], limit=10), items=15)
add("order_of_moments_and_uuids",
    put({"id": 1, "d": "2024-01-01T00:00:00+05:00", "g": "f0000000-0000-0000-0000-000000000000"},
        {"id": 2, "d": "2023-12-31T19:30:00Z", "g": "10000000-0000-0000-0000-000000000000"}, schema={"d": "datetime", "g": "uuid"}),
    ids([1, 2], rank_by=["d", "asc"], limit=2), ids([2, 1], rank_by=["g", "asc"], limit=2), items=15)
add("order_by_nine", put({"id": 1, **{f"a{n}": n for n in range(9)}}),
    ids([1], rank_by=[[f"a{n}", "asc"] for n in range(8)], limit=1),
    fails(400, "", query(rank_by=[[f"a{n}", "asc"] for n in range(9)], limit=1)), items=15)
add("no_order", put({"id": 1, "t": ["a"], "hidden": "x"}, schema={"hidden": {"type": "string", "filterable": False}}),
    fails(400, "t", query(rank_by=["t", "asc"], limit=1)), fails(400, "hidden", query(rank_by=["hidden", "asc"], limit=1)),
    fails(400, "nothing", query(rank_by=["nothing", "asc"], limit=1)), items=17)
add("no_rank", put({"id": 3}, {"id": 1}, {"id": 2}), ids([1, 2], limit=2), ids([2, 3], filters=["id", "Gt", 1], limit=5), items=15)
for name, rank in {"text": "id", "direction": ["id", "up"], "operator": ["id", "Near", 1]}.items():
    add(f"rank_shape_{name}", FILL, fails(422, "data did not match any variant of untagged enum RankInput", query(rank_by=rank, limit=1)),
        items=15)
add("rank_of_nothing", FILL, fails(400, "rank_by cannot be empty", query(rank_by=[], limit=1)), items=15)
add("limits", FILL, fails(400, "rank_by queries must specify top_k or limit", query(rank_by=["id", "asc"])),
    *(fails(400, "top_k must be between 1 and 10000", query(rank_by=["id", "asc"], limit=n)) for n in (0, 10001)),
    *(fails(422, "", query(rank_by=["id", "asc"], limit=n)) for n in (-1, 1.5, "1")),
    ids([1, 2], rank_by=["id", "asc"], limit={"total": 2}), ids([1, 2], rank_by=["id", "asc"], top_k=2),
    ids([1, 2, 3, 4, 5], rank_by=["id", "asc"], limit=10000), items=15)
add("limit_per", FILL, ids([1, 2, 5], rank_by=["id", "asc"], limit={"total": 9, "per": {"attributes": ["team"], "limit": 1}}),
    ids([1, 2, 3, 5], rank_by=["id", "asc"], limit={"total": 4, "per": {"attributes": ["age", "name"], "limit": 1}},
        filters=["id", "NotEq", 4]),
    ids([3, 5], rank_by=["age", "desc"], limit={"total": 2, "per": {"attributes": ["team"], "limit": 1}}, filters=["id", "Gt", 1]),
    fails(400, "", query(rank_by=["id", "asc"], limit={"total": 2, "per": {"attributes": [], "limit": 1}})),
    fails(400, "", query(rank_by=["id", "asc"], limit={"total": 2, "per": {"attributes": ["team"], "limit": 3}})),
    fails(422, "", query(rank_by=["id", "asc"], limit={"total": 2, "per": {"attributes": None, "limit": 1}})), items=35)

PAIRS = put(*({"id": n, "n": n, **({"k": "ab"[n % 3 - 1]} if n % 3 else {})} for n in range(1, 13)))
add("limit_per_counts_null_as_a_key", PAIRS,
    ids([1, 2, 3, 4, 5, 6], rank_by=["n", "asc"], limit={"total": 12, "per": {"attributes": ["k"], "limit": 2}}),
    ids([12, 11, 10], rank_by=["n", "desc"], limit={"total": 12, "per": {"attributes": ["k"], "limit": 1}}), items=35)
add("offset_comes_after_per", PAIRS,
    ids([3, 4, 5], rank_by=["n", "asc"], offset=2, limit={"total": 3, "per": {"attributes": ["k"], "limit": 2}}),
    ids([6], rank_by=["n", "asc"], offset=5, limit={"total": 3, "per": {"attributes": ["k"], "limit": 2}}),
    ids([], rank_by=["n", "asc"], offset=6, limit={"total": 3, "per": {"attributes": ["k"], "limit": 2}}), items=35)

# What comes back.
add("include_and_exclude", FILL, rows([{"id": 1}], rank_by=["id", "asc"], limit=1),
    rows([{"id": 1}], rank_by=["id", "asc"], limit=1, include_attributes=False),
    rows([{"id": 1}], rank_by=["id", "asc"], limit=1, include_attributes=[]),
    rows([PEOPLE[0]], rank_by=["id", "asc"], limit=1, include_attributes=True),
    rows([{"id": 1, "age": 30}], rank_by=["id", "asc"], limit=1, include_attributes=["age", "id"]),
    rows([{"id": 1, "age": 30}], rank_by=["id", "asc"], limit=1, exclude_attributes=["name", "team", "unknown"]), items=1)
add("include_refusals", FILL,
    fails(400, "cannot specify both include_attributes and exclude_attributes",
          query(rank_by=["id", "asc"], limit=1, include_attributes=["age"], exclude_attributes=["age"])),
    fails(400, "attribute \"zz\" not found in schema, cannot be part of `include_attributes`",
          query(rank_by=["id", "asc"], limit=1, include_attributes=["zz"])),
    fails(400, "id", query(rank_by=["id", "asc"], limit=1, exclude_attributes=["id"])),
    fails(422, "", query(rank_by=["id", "asc"], limit=1, exclude_attributes=True)),
    fails(422, "", query(rank_by=["id", "asc"], limit=1, include_attributes="age")), items=1)
add("computed_attributes", put({"id": 1, "u": 4}, {"id": 2, "u": 12}, schema={"u": "uint"}),
    rows([{"id": 1, "x": 4, "big": False, "part": 0.25}, {"id": 2, "x": 12, "big": True, "part": 0.5}], rank_by=["id", "asc"], limit=2,
         compute_attributes={"x": ["Attribute", "u"], "big": ["u", "Gt", 5], "part": ["Saturate", ["Attribute", "u"], {"midpoint": 12}]}),
    fails(400, "", query(rank_by=["id", "asc"], limit=1, compute_attributes={"u": ["Attribute", "u"]})),
    fails(400, "", query(rank_by=["id", "asc"], limit=1, compute_attributes={"id": ["Attribute", "u"]})),
    fails(422, "", query(rank_by=["id", "asc"], limit=1, compute_attributes=["u"])), items=21)

# Scores.
POINTS = [{"id": 1, "u": 4, "i": -3, "f": 0.5}, {"id": 2, "u": 12, "i": 7, "f": -2.0}, {"id": 3}]
FILL_POINTS = put(*POINTS, schema={"u": "uint", "f": "float"})


def scored(*pairs):
    return [{"id": n, "$dist": Approx(score)} for n, score in pairs]


def score(name, rank, *pairs, **more):
    add(name, FILL_POINTS, rows(scored(*pairs), rank_by=rank, limit=9, **more), items=21)


score("score_attribute", ["Attribute", "u"], (2, 12), (1, 4), (3, 0))
score("score_product_left", ["Product", 2, ["Attribute", "u"]], (2, 24), (1, 8), (3, 0))
score("score_product_right", ["Product", ["Attribute", "u"], 0.5], (2, 6), (1, 2), (3, 0))
score("score_sum", ["Sum", [["Attribute", "u"], ["Product", 10, ["id", "Eq", 1]]]], (1, 14), (2, 12), (3, 0))
score("score_max_floor", ["Max", [0, ["Attribute", "i"]]], (2, 7), (1, 0), (3, 0))
score("score_max_short", ["Max", 5, ["Attribute", "u"]], (2, 12), (1, 5), (3, 5))
score("score_saturate", ["Saturate", ["Attribute", "i"], {"midpoint": 7, "exponent": 2}], (2, 0.5), (1, 0), (3, 0))
score("score_decay", ["Decay", ["Attribute", "u"], {"midpoint": 4}], (3, 1), (1, 0.5), (2, 0.25))
score("score_decay_of_dist", ["Decay", ["Dist", ["Attribute", "i"], 7], {"midpoint": 10}], (2, 1), (1, 0.5), (3, 0))
score("score_dist_of_floats", ["Dist", ["Attribute", "f"], 0.5], (2, 2.5), (1, 0), filters=["id", "Lt", 3])
score("score_filter", ["Or", [["u", "Gt", 10], ["id", "Eq", 3]]], (2, 1), (3, 1))
score("score_not", ["Not", ["u", "Gt", 10]], (1, 1), (3, 1))
score("score_nested", ["Sum", [["Product", 3, ["Max", [["u", "Eq", 4], ["id", "Eq", 2]]]], ["id", "Gte", 2]]], (2, 4), (1, 3), (3, 1))
score("score_within_filters", ["Attribute", "u"], (1, 4), filters=["id", "Eq", 1])
add("score_of_moments", put({"id": 1, "d": "2024-01-01"}, {"id": 2, "d": "2024-01-03"}, {"id": 3}, schema={"d": "datetime"}),
    rows(scored((1, 1), (2, 1 / 3), (3, 0)),
         rank_by=["Decay", ["Dist", ["Attribute", "d"], "2024-01-01"], {"midpoint": "1d"}], limit=9),
    rows(scored((2, 172800000), (1, 0)), rank_by=["Dist", ["Attribute", "d"], "2024-01-01"], limit=9, filters=["id", "Lt", 3]),
    fails(400, "", query(rank_by=["Decay", ["Attribute", "id"], {"midpoint": "1d"}], limit=1)), items=21)
add("score_refusals", FILL_POINTS,
    fails(400, "rank_by clauses must produce non-negative scores, but an attribute clause on signed numeric attribute 'i' was used",
          query(rank_by=["Attribute", "i"], limit=1)),
    fails(400, "Sum aggregations can only contain other text queries", query(rank_by=["Sum", [1, ["Attribute", "u"]]], limit=1)),
    fails(400, "Scalar values in rank_by must be non-negative, got -1", query(rank_by=["Max", [-1, ["Attribute", "u"]]], limit=1)),
    fails(400, "", query(rank_by=["Product", -1, ["Attribute", "u"]], limit=1)),
    fails(400, "", query(rank_by=["Saturate", ["Attribute", "u"], {"midpoint": 0}], limit=1)),
    fails(400, "", query(rank_by=["Dist", ["Attribute", "i"], 0.5], limit=1)),
    fails(422, "", query(rank_by=["Saturate", ["Attribute", "u"], {}], limit=1)),
    fails(400, "", query(rank_by=["Attribute", "nothing"], limit=1)), items=21)

# Pages.
TIES = put(*({"id": n, "k": n % 4, "u": n % 5} for n in range(40)), schema={"u": "uint"})
BY_K = sorted(range(40), key=lambda n: (n % 4, n))
BY_U = sorted(range(40), key=lambda n: (-(n % 5), n))
add("offset_pages_with_ties", TIES,
    *(ids(BY_K[start:start + 7], rank_by=["k", "asc"], limit=7, offset=start) for start in range(0, 42, 7)), items=35)
add("offset_pages_of_scores", TIES,
    *(ids(BY_U[start:start + 11], rank_by=["Attribute", "u"], limit=11, offset=start) for start in range(0, 44, 11)), items=35)
add("offset_refusals", TIES, fails(400, "", query(limit=2, offset=1)), fails(400, "", query(rank_by=["id", "asc"], limit=2, offset=10000)),
    fails(422, "", query(rank_by=["id", "asc"], limit=2, offset=-1)), fails(422, "", query(rank_by=["id", "asc"], limit=2, offset=0.5)),
    ids([0, 1], limit=2, offset=0), ids([], rank_by=["id", "asc"], limit=2, offset=9998), items=35)
add("scan_in_pages", TIES, op("scan", {"rows": Rows(range(40)), "pages": 6}).but(page=7),
    op("scan", {"rows": Rows(n for n in range(40) if n % 4 == 1), "pages": 3}, filters=["k", "Eq", 1]).but(page=5),
    op("scan", {"rows": Rows(range(40)), "pages": 5}).but(page=10), items=1)
add("pages_by_not_in", TIES, ids(BY_U[:3], rank_by=["Attribute", "u"], limit=3),
    ids(BY_U[3:6], rank_by=["Attribute", "u"], limit=3, filters=["id", "NotIn", BY_U[:3]]), items=35)

# Aggregations.
total = group("aggregations")
SALES = [{"id": 1, "shop": "a", "n": 3, "x": 0.5, "tags": ["new", "hot"]}, {"id": 2, "shop": "b", "n": -1, "tags": ["hot"]},
         {"id": 3, "shop": "a", "n": 2**40, "x": 1.25, "tags": []}, {"id": 4, "n": 7}, {"id": 5, "shop": "a"}]
FILL_SALES = put(*SALES, schema={"x": "float"})
total("count_rows", FILL_SALES, counts({"all": 5}, aggregate_by={"all": ["Count"]}),
      counts({"some": 3}, aggregate_by={"some": ["Count"]}, filters=["shop", "Eq", "a"]),
      counts({"none": 0}, aggregate_by={"none": ["Count"]}, filters=["shop", "Eq", "zz"]), items=24)
total("count_by_id", put({"id": 1}, {"id": 2}), counts({"count": 2}, aggregate_by={"count": ["Count", "id"]}), items=24)
total("sums", FILL_SALES, counts({"n": 3 - 1 + 2**40 + 7, "x": 1.75}, aggregate_by={"n": ["Sum", "n"], "x": ["Sum", "x"]}),
      counts({"n": 0, "x": 0}, aggregate_by={"n": ["Sum", "n"], "x": ["Sum", "x"]}, filters=["id", "Eq", 99]), items=24)
total("groups_of_one", FILL_SALES,
      groups([{"shop": None, "c": 1}, {"shop": "a", "c": 3}, {"shop": "b", "c": 1}], aggregate_by={"c": ["Count"]}, group_by=["shop"]),
      groups([{"shop": "a", "n": 3 + 2**40}, {"shop": "b", "n": -1}], aggregate_by={"n": ["Sum", "n"]}, group_by=["shop"],
             filters=["shop", "NotEq", None]), items=24)
total("groups_of_two", put(*({"id": n, "a": n % 2, "b": "xy"[n % 3 % 2]} for n in range(12))),
      groups([{"a": a, "b": b, "c": sum(n % 2 == a and "xy"[n % 3 % 2] == b for n in range(12))} for a in (0, 1) for b in "xy"],
             aggregate_by={"c": ["Count"]}, group_by=["a", "b"]), items=24)
total("groups_of_elements", FILL_SALES,
      groups([{"tag": None, "c": 2}, {"tag": "hot", "c": 2}, {"tag": "new", "c": 1}], aggregate_by={"c": ["Count"]},
             group_by=[{"tag": ["ForEachUnique", "tags"]}]), items=24)
total("an_element_counts_once_a_row", put({"id": 1, "t": ["x", "x", "y"], "n": 5}, {"id": 2, "t": ["x"], "n": 2}),
      groups([{"t1": "x", "c": 2, "n": 7}, {"t1": "y", "c": 1, "n": 5}], aggregate_by={"c": ["Count"], "n": ["Sum", "n"]},
             group_by=[{"t1": ["ForEachUnique", "t"]}]), items=24)
total("groups_of_elements_and_more", FILL_SALES,
      groups([{"tag": None, "shop": None, "c": 1}, {"tag": None, "shop": "a", "c": 1}, {"tag": "hot", "shop": "a", "c": 1},
              {"tag": "hot", "shop": "b", "c": 1}, {"tag": "new", "shop": "a", "c": 1}], aggregate_by={"c": ["Count"]},
             group_by=[{"tag": ["ForEachUnique", "tags"]}, "shop"]), items=24)
total("first_groups", FILL_SALES,
      groups([{"shop": None, "c": 1}, {"shop": "a", "c": 3}], aggregate_by={"c": ["Count"]}, group_by=["shop"], top_k=2),
      groups([{"shop": None, "c": 1}], aggregate_by={"c": ["Count"]}, group_by=["shop"], limit=1), items=24)
total("aggregation_refusals", FILL_SALES, fails(400, "", query(aggregate_by={"c": ["Count"]}, group_by=["id"])),
      fails(400, "", query(aggregate_by={"c": ["Count"]}, group_by=["shop", "shop"])),
      fails(400, "", query(aggregate_by={"c": ["Count"]}, group_by=["nothing"])),
      fails(400, "", query(aggregate_by={"shop": ["Count"]}, group_by=["shop"])),
      fails(400, "", query(aggregate_by={"c": ["Sum", "shop"]})),
      fails(400, "", query(group_by=["shop"], limit=1)), fails(422, "", query(aggregate_by={"c": ["Median", "n"]})),
      fails(422, "", query(aggregate_by={"c": ["Count"]}, group_by="shop")),
      fails(422, "", query(aggregate_by={"c": ["Count"]}, rank_by=["id", "asc"])),
      fails(400, "", query(aggregate_by={"c": ["Count"]}, include_attributes=["n"])), items=24)

# Several queries at once.
many = group("multi_query")
many("two_kinds_at_once", FILL,
     multi([Rows([1, 2]), Has(aggregations={"c": 5}), Has(aggregation_groups=[{"team": None, "c": 1}, {"team": "blue", "c": 2},
         {"team": "red", "c": 2}])],
           {"rank_by": ["id", "asc"], "limit": 2}, {"aggregate_by": {"c": ["Count"]}},
           {"aggregate_by": {"c": ["Count"]}, "group_by": ["team"]}), items=35)
many("sixteen_queries", FILL, multi([Rows([1])] * 16, *[{"rank_by": ["id", "asc"], "limit": 1}] * 16),
     fails(400, "", multi([], *[{"rank_by": ["id", "asc"], "limit": 1}] * 17)), fails(400, "", multi([])), items=35)
many("one_bad_query_refuses_all", FILL,
     fails(400, "", multi([], {"rank_by": ["id", "asc"], "limit": 1}, {"rank_by": ["nothing", "asc"], "limit": 1})),
     fails(422, "", multi([], {"rank_by": ["id", "asc"], "limit": 1}, {"rank_by": ["id", "up"], "limit": 1})), items=35)


def fused(*lists, constant=60, weights=None):
    scores = {}
    for weight, hits in zip(weights or [1] * len(lists), lists):
        for rank, i in enumerate(hits, 1):
            scores[i] = scores.get(i, 0) + weight / (constant + rank)
    return [{"id": i, "$dist": Approx(s)} for i, s in sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))]


FIRST, SECOND = ordered(("age", "desc"), ("id", "asc")), ordered(("name", "desc"))
TWO = ({"rank_by": [["age", "desc"], ["id", "asc"]], "limit": 5}, {"rank_by": ["name", "desc"], "limit": 5})
many("fused", FILL, multi([fused(FIRST, SECOND)], *TWO, rerank_by=["RRF"]), items=35)
many("fused_with_weights", FILL, multi([fused(FIRST, SECOND, constant=10, weights=[1, 3])], *TWO,
                                       rerank_by=["RRF", {"rank_constant": 10, "weights": [1, 3]}]), items=35)
many("fused_pages", FILL, *(multi([fused(FIRST, SECOND)[start:start + 2]], *TWO, rerank_by=["RRF"], limit=2,
    offset=start) for start in (0, 2, 4)),
     multi([fused(FIRST, SECOND)[:3]], *TWO, rerank_by=["RRF", {}], limit={"total": 3}),
     fails(400, "", multi([], *TWO, rerank_by=["RRF"], offset=1)), fails(400, "", multi([], *TWO, limit=2, offset=1)), items=35)
many("fused_attributes_are_merged", FILL,
     multi([[{"id": 1, "$dist": Approx(2 / 61), "name": "bo", "age": 30}]],
           {"rank_by": ["id", "asc"], "limit": 1, "include_attributes": ["name"]},
           {"rank_by": ["id", "asc"], "limit": 1, "include_attributes": ["age"]}, rerank_by=["RRF"]), items=35)
many("fusion_refusals", FILL,
     *(fails(400, "", multi([], *TWO, rerank_by=rerank)) for rerank in (
         ["RRF", {"weights": [1]}], ["RRF", {"weights": [1, 0]}], ["RRF", {"rank_constant": 0}])),
     fails(400, "", multi([], TWO[0], rerank_by=["RRF"])),
     fails(400, "", multi([], TWO[0], {"aggregate_by": {"c": ["Count"]}}, rerank_by=["RRF"])),
     fails(422, "", query(rank_by=["id", "asc"], limit=1, rerank_by=["RRF"])), items=35)
many("models_are_not_configured", put({"id": 1, "t": "x"}),
     fails(400, "", query(rank_by=["id", "asc"], limit=1, include_attributes=["t"],
         rerank_by={"model": "a/b", "attribute": "t", "query": "x"})),
     fails(422, "", query(rank_by=["id", "asc"], limit=1, rerank_by={"model": "a/b"})),
     fails(400, "", put({"id": 2, "t": "x"}, schema={"t": {"type": "string", "embed": "a/b"}})),
     fails(400, "", query(rank_by=["t", "ANN", ["Embed", "x"]], limit=1)), all_rows({"id": 1, "t": "x"}), items=38)

# Consistency and what a query costs.
state = group("consistency")
state("levels", put({"id": 1}), ids([1], rank_by=["id", "asc"], limit=1, consistency={"level": "strong"}),
      ids([1], rank_by=["id", "asc"], limit=1, consistency={"level": "eventual"}),
      ids([1], rank_by=["id", "asc"], limit=1, consistency={"level": "eventual", "max_staleness_seconds": 0}),
      multi([Rows([1])], {"rank_by": ["id", "asc"], "limit": 1}, consistency={"level": "eventual", "max_staleness_seconds": 3600}),
      items=34)
state("own_writes_are_seen", put({"id": 1}), *(step for n in range(2, 6) for step in (
    put({"id": n}), ids(range(1, n + 1), rank_by=["id", "asc"], limit=9,
        consistency={"level": "eventual", "max_staleness_seconds": 3600}))), items=34, one_server=True)
state("consistency_refusals", put({"id": 1}),
      *(fails(422, text, query(rank_by=["id", "asc"], limit=1, consistency=value)) for text, value in (
          ('invalid type: string "eventual", expected struct Consistency', "eventual"), ("missing field `level`", {}),
          ("unknown variant `nonexistentvalue`, expected `strong` or `eventual`", {"level": "nonexistentvalue"}),
          ("", {"level": "eventual", "max_staleness_seconds": -1}), ("", {"level": "eventual", "max_staleness_seconds": 0.5}))), items=34)
WORLD = [{"id": n, "vector": [0.1 * n, 0.2], "hello": "world"} for n in range(1, 6)]
state("billing", put(*WORLD, distance_metric="euclidean_squared"),
      query(rank_by=["vector", "ANN", [0.8, 0.7]], limit=5, include_attributes=["vector", "hello"],
            answer={"billing": {"billable_logical_bytes_queried": 256000000, "billable_logical_bytes_returned": 5 * (8 + 4 + 8 + 5)}}),
      query(rank_by=["vector", "ANN", [0.8, 0.7]], limit=2,
            answer={"billing": {"billable_logical_bytes_queried": 256000000, "billable_logical_bytes_returned": 24}}), items=6)
state("performance", put(*WORLD, distance_metric="euclidean_squared"),
      query(rank_by=["vector", "ANN", [0.8, 0.7]], limit=5,
            answer={"performance": Has(exhaustive_search_count=5, approx_namespace_size=5, cache_temperature=ANY, server_total_ms=ANY,
                                       query_execution_ms=ANY, cache_hit_ratio=ANY)}), items=16)
