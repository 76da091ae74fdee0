"""Nearest rows, exact and not: distances by a dumb oracle, ties, several columns, encodings, sparse and multi-vectors."""
import base64
import math
import random
import struct

from dsl import ANY, Approx, Check, Has, all_rows, fails, group, ids, multi, op, put, query, rows, write

add = group("vectors")


def f32(number):
    return struct.unpack("<f", struct.pack("<f", number))[0]


def coded(numbers, kind="f"):
    return base64.b64encode(struct.pack(f"<{len(numbers)}{kind}", *numbers)).decode()


def euclid(a, b):
    return f32(sum((f32(x) - f32(y)) ** 2 for x, y in zip(a, b)))


def cosine(a, b):
    a, b = [f32(x) for x in a], [f32(x) for x in b]
    lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
    return f32(1 - f32(sum(x * y for x, y in zip(a, b)) / lengths))


def nearest(metric, stored, vector, count, test=lambda row: True):
    """Rows with their distances, nearest first, equal ones by id."""
    ranked = sorted((metric(row["vector"], vector), row["id"]) for row in stored if test(row))
    return [{"id": i, "$dist": d} for d, i in ranked[:count]]


FIVE = [{"id": n, "vector": [0.1 * n, 0.1 * n]} for n in range(1, 6)]
SIX = [{"id": 1, "vector": [0.8, 0.6]}, {"id": 2, "vector": [0.5, 0.5]}, {"id": 3, "vector": [0.3, 0.3]},
       {"id": 6, "vector": [1.3, 1.1]}, {"id": 5, "vector": [0.4, 0.4]}]
add("distances_of_the_contract", put(*SIX, distance_metric="euclidean_squared"),
    rows([{"id": 1, "$dist": 0.01}, {"id": 2, "$dist": 0.13}, {"id": 5, "$dist": 0.25}, {"id": 3, "$dist": 0.41},
          {"id": 6, "$dist": 0.41}], rank_by=["vector", "ANN", [0.8, 0.7]], top_k=10), items=5)
add("equal_distances_by_id", put(*({"id": n, "vector": [1, 0] if n % 2 else [0, 1]} for n in (9, 4, 7, 2, 5)),
                                 distance_metric="euclidean_squared"),
    rows([{"id": n, "$dist": 1} for n in (2, 4, 5, 7, 9)], rank_by=["vector", "ANN", [0, 0]], limit=5),
    rows([{"id": n, "$dist": 1} for n in (2, 4)], rank_by=["vector", "ANN", [0, 0]], limit=2), items=5)
chance = random.Random(5)
CLOUD = [{"id": n, "vector": [round(chance.uniform(-1, 1), 3) for _ in range(8)], "part": n % 3} for n in range(60)]
for name, metric in (("euclidean_squared", euclid), ("cosine_distance", cosine)):
    aim = [round(chance.uniform(-1, 1), 3) for _ in range(8)]
    add(f"cloud_{name}", put(*CLOUD, distance_metric=name),
        rows(nearest(metric, CLOUD, aim, 60), rank_by=["vector", "ANN", aim], limit=60),
        rows(nearest(metric, CLOUD, aim, 7, lambda row: row["part"] == 1), rank_by=["vector", "ANN", aim], limit=7,
             filters=["part", "Eq", 1]),
        rows(nearest(metric, CLOUD, aim, 5, lambda row: row["part"] != 1), rank_by=["vector", "kNN", aim], limit=5,
             filters=["part", "NotEq", 1]), items=5)
add("knn_wants_filters", put(*FIVE, distance_metric="euclidean_squared"),
    fails(400, "filters", query(rank_by=["vector", "kNN", [0, 0]], limit=3)),
    ids([1, 2], rank_by=["vector", "kNN", [0, 0]], limit=2, filters=["id", "Gte", 0]), items=5)
add("query_vector_as_base64", put(*FIVE, distance_metric="euclidean_squared"),
    ids([3, 2, 4], rank_by=["vector", "ANN", coded([0.29, 0.29])], limit=3), items=11)
add("query_vector_of_another_length", put(*FIVE, distance_metric="euclidean_squared"),
    fails(400, "vector", query(rank_by=["vector", "ANN", [1, 2, 3]], limit=3)),
    fails(400, "vector", query(rank_by=["vector", "ANN", []], limit=3)), items=5)
add("ann_on_what_is_no_vector", put({"id": 1, "n": 1}), fails(400, "n", query(rank_by=["n", "ANN", [1]], limit=1)),
    fails(400, "vector", query(rank_by=["vector", "ANN", [1]], limit=1)), items=5)
add("zero_vectors_under_cosine", put({"id": 1, "vector": [0, 0]}, {"id": 2, "vector": [1, 0]}, {"id": 3, "vector": [-1, 0]},
                                     {"id": 4, "vector": [2, 0]}, distance_metric="cosine_distance"),
    ids([2, 4, 3, 1], rank_by=["vector", "ANN", [3, 0]], limit=10), items=5)
add("metric_of_the_query", put(*FIVE, distance_metric="euclidean_squared"),
    ids([1], rank_by=["vector", "ANN", [0, 0]], limit=1, distance_metric="euclidean_squared"),
    fails(400, "istance metric mismatch", query(rank_by=["vector", "ANN", [0, 0]], limit=1, distance_metric="cosine_distance")),
    fails(422, "", query(rank_by=["vector", "ANN", [0, 0]], limit=1, distance_metric="manhattan")), items=5)
add("overwritten_and_deleted_vectors", put(*FIVE, distance_metric="euclidean_squared"),
    put({"id": 1, "vector": [9, 9]}), write(deletes=[2], affected=1), ids([3, 4, 5, 1], rank_by=["vector", "ANN", [0, 0]], limit=9),
    items=5)
add("include_vectors_or_not", put(*FIVE[:1], distance_metric="euclidean_squared"),
    rows([{"id": 1, "$dist": 0.02, "vector": [0.1, 0.1]}], rank_by=["vector", "ANN", [0, 0]], limit=1, include_attributes=["vector"]),
    rows([{"id": 1, "$dist": 0.02}], rank_by=["vector", "ANN", [0, 0]], limit=1), items=5)
add("computed_distances", put({"id": 1, "vector": [0, 0]}, {"id": 2, "vector": [3, 4]}, distance_metric="euclidean_squared"),
    rows([{"id": 1, "far": Approx(25)}, {"id": 2, "far": Approx(0)}], rank_by=["id", "asc"], limit=2,
         compute_attributes={"far": ["vector", "VectorDist", [3, 4]]}), items=5)

# Several columns, other widths.
WIDTHS = {"vector": {"type": "[2]f32", "ann": True}, "half": {"type": "[2]f16", "ann": True}, "tiny": {"type": "[3]i8", "ann": True}}
WIDE = [{"id": 1, "vector": [0.1, 0.7], "half": [0.5, 0.123456789], "tiny": [-128, 0, 127]},
        {"id": 2, "vector": [0.5, 1.0], "half": [1, 2], "tiny": [1, 2, 3]}]
FILL_WIDE = put(*WIDE, schema=WIDTHS, distance_metric="euclidean_squared")
add("columns_of_other_widths", FILL_WIDE,
    all_rows({"id": 1, "vector": [0.1, 0.7], "half": [0.5, Approx(0.12347412)], "tiny": [-128, 0, 127]}, WIDE[1]),
    rows([{"id": 2, "$dist": 0.25}, {"id": 1, "$dist": Approx(5.8978753)}], rank_by=["half", "ANN", [1, 2.5]], limit=2),
    rows([{"id": 2, "$dist": 14}, {"id": 1, "$dist": 32513}], rank_by=["tiny", "ANN", [0, 0, 0]], limit=2), items=40)
add("encodings_keep_their_width", FILL_WIDE,
    rows([{"id": 1, "vector": coded([0.1, 0.7]), "half": coded([0.5, 0.123456789], "e"), "tiny": coded([-128, 0, 127], "b")}],
         rank_by=["id", "asc"], limit=1, include_attributes=["vector", "half", "tiny"], vector_encoding="base64"), items=11)
add("i8_holds_small_integers", fails(400, "tiny", put({**WIDE[0], "tiny": [0, 0, 128]}, schema=WIDTHS,
    distance_metric="euclidean_squared")),
    fails(400, "tiny", put({**WIDE[0], "tiny": [0, 0, 0.5]}, schema=WIDTHS, distance_metric="euclidean_squared")), items=40)
add("base64_for_two_columns", put({"id": 1, "vector": coded([1, 2]), "half": coded([0.5, 0.25]), "tiny": coded([1, 2, 3])},
                                  schema=WIDTHS, distance_metric="cosine_distance"),
    all_rows({"id": 1, "vector": [1, 2], "half": [0.5, 0.25], "tiny": [1, 2, 3]}), items=40)
add("every_vector_in_every_row", FILL_WIDE, fails(400, "half", write(upsert_rows=[{"id": 3, "vector": [1, 2], "tiny": [1, 2, 3]}])),
    items=40)
add("vector_columns_are_fixed", put({"id": 1, "vector": [1, 2]}, distance_metric="cosine_distance"),
    fails(400, "", put({"id": 2, "vector": [1, 2], "more": [1, 2]}, schema={"more": {"type": "[2]f32", "ann": True}})),
    fails(400, "", op("update_schema", ANY, {"vector": {"type": "[3]f32", "ann": True}}), attribute="vector"), items=40)
add("ann_is_a_must", fails(400, "must have `ann` set to `true`", put({"id": 1, "vector": [1, 2]}, schema={"vector": "[2]f32"},
                                                                     distance_metric="cosine_distance")),
    fails(400, "vector attribute 'v' must have ann:true", put({"id": 1, "v": [1, 2]}, schema={"v": {"type": "[2]f32"}},
                                                              distance_metric="cosine_distance")), items=40)
add("metric_inside_ann", fails(400, "must be specified as a field at the top level of the write request",
                               put({"id": 1, "vector": [1, 2]},
                                   schema={"vector": {"type": "[2]f32", "ann": {"distance_metric": "cosine_distance"}}})),
    put({"id": 1, "vector": [1, 2]}, schema={"vector": {"type": "[2]f32", "ann": {"distance_metric": "cosine_distance"}}},
        distance_metric="cosine_distance"), items=40)
add("ann_by_an_empty_object", put({"id": 1, "vector": [1, 2]}, schema={"vector": {"type": "[2]f32", "ann": {}}},
                                  distance_metric="cosine_distance"), op("schema", Has(vector=Has(ann=True))), items=40)
add("vectors_per_group", put(*CLOUD, distance_metric="euclidean_squared"),
    rows([next(hit for hit in nearest(euclid, CLOUD, [0] * 8, 60) if hit["id"] % 3 == part)
          for part in dict.fromkeys(hit["id"] % 3 for hit in nearest(euclid, CLOUD, [0] * 8, 60))],
         rank_by=["vector", "ANN", [0] * 8], limit={"total": 3, "per": {"attributes": ["part"], "limit": 1}}), items=35)
add("two_vector_queries_at_once", FILL_WIDE,
    multi([[{"id": 2, "$dist": 0}, {"id": 1, "$dist": 0.25}], [{"id": 1, "$dist": 0}]],
          {"rank_by": ["vector", "ANN", [0.5, 1.0]], "limit": 2}, {"rank_by": ["tiny", "ANN", [-128, 0, 127]], "limit": 1}), items=40)

EIGHT = {f"v{n}": {"type": "[2]f32", "ann": True} for n in range(8)}
add("eight_vector_columns", put({"id": 1, **{f"v{n}": [n, 1] for n in range(8)}}, schema=EIGHT, distance_metric="euclidean_squared"),
    rows([{"id": 1, "$dist": 1}], rank_by=["v7", "ANN", [6, 1]], limit=1),
    fails(400, "8", put({"id": 1, **{f"v{n}": [n, 1] for n in range(9)}}, ns="b", distance_metric="euclidean_squared",
                        schema={**EIGHT, "v8": {"type": "[2]f32", "ann": True}})), items=40)
add("sparse_of_1024", put({"id": 1, "w": {f"k{n}": 1 for n in range(1024)}}),
    fails(400, "1024", put({"id": 2, "w": {f"k{n}": 1 for n in range(1025)}})), items=40)
add("thousands_of_dimensions", put({"id": 1, "vector": [0.5] * 3073}, {"id": 2, "vector": [0.25] * 3073},
    distance_metric="euclidean_squared"),
    rows([{"id": 2, "$dist": 0}, {"id": 1, "$dist": 3073 / 16}], rank_by=["vector", "ANN", [0.25] * 3073], limit=2),
    fails(400, "10752", put({"id": 1, "vector": [0.5] * 10753}, ns="b", distance_metric="euclidean_squared")), items=40)

# Sparse vectors.
sparse = group("sparse")
WEIGHTS = {1: {"a": 1, "b": 0.5}, 2: {"b": 2, "c": 1}, 3: {}, 5: {"d": 1}}
FILL_SPARSE = put(*({"id": n, "w": w} for n, w in WEIGHTS.items()), {"id": 4},
                  schema={"w": {"type": "{}f16", "sparse_knn": {"distance_metric": "dot_product"}}})


def dots(weights):
    scores = {n: sum(weight * stored.get(key, 0) for key, weight in weights.items()) for n, stored in WEIGHTS.items()}
    return [{"id": n, "$dist": score} for n, score in sorted(scores.items(), key=lambda pair: (-pair[1], pair[0])) if score > 0]


for name, weights in {"two": {"a": 3, "b": 1}, "one": {"b": 0.25}, "none": {"zz": 1}, "ties": {"a": 1, "c": 1, "d": 1}}.items():
    sparse(f"sparse_{name}", FILL_SPARSE, rows(dots(weights), rank_by=["w", "SparseKNN", weights], limit=9), items=5)
sparse("sparse_patch_and_filter", FILL_SPARSE, write(patch_rows=[{"id": 3, "w": {"a": 9}}], affected=1),
       ids([3, 1], rank_by=["w", "SparseKNN", {"a": 1}], limit=9),
       ids([1], rank_by=["w", "SparseKNN", {"a": 1}], limit=9, filters=["id", "Lt", 3]),
       items=5)
sparse("sparse_in_a_sum", FILL_SPARSE, ids([2, 1], rank_by=["Sum", [["w", "SparseKNN", {"b": 1}], ["id", "Eq", 2]]], limit=9), items=21)
add("sparse_weights_are_halves", put({"id": 1, "w": {"a": 0.1, "b": 1}}), all_rows({"id": 1, "w": {"a": Approx(0.1, 1e-3), "b": 1}}),
    items=5)
add("sparse_needs_an_index", put({"id": 1, "w": {"a": 1}}), fails(400, "", query(rank_by=["w", "SparseKNN", {"a": 1}], limit=1)),
    fails(422, "", op("update_schema", ANY, {"w": {"type": "{}f16", "sparse_knn": {"distance_metric": "cosine_distance"}}})), items=5)

# Multi-vectors.
late = group("multi_vector")
LATE = {1: [[1, 0], [0, 1]], 2: [[0.5, 0.5]], 3: [[3, 3], [1, 1], [0, 0]]}
FILL_LATE = put(*({"id": n, "m": m} for n, m in LATE.items()), schema={"m": {"type": "[][2]f32", "ann": {"late_interaction": True}}},
                distance_metric="euclidean_squared")


def late_rows(queries):
    scores = {n: sum(min(euclid(v, q) for v in m) for q in queries) for n, m in LATE.items()}
    return [{"id": n, "$dist": score} for n, score in sorted(scores.items(), key=lambda pair: (pair[1], pair[0]))]


late("late_interaction", FILL_LATE, rows(late_rows([[1, 0], [0, 1]]), rank_by=["m", "ANN", [[1, 0], [0, 1]]], limit=9),
     rows(late_rows([[2, 2]]), rank_by=["m", "kNN", [[2, 2]]], limit=9, filters=["id", "Gte", 0]), items=40)
late("multi_vectors_come_back", FILL_LATE, all_rows(*({"id": n, "m": m} for n, m in LATE.items())),
     ids([3], rank_by=["m", "ANN", [[3, 3]]], limit=1), items=40)
late("multi_vectors_as_base64", put({"id": 1, "m": [coded([1, 0]), coded([0, 1])]}, {"id": 2, "m": [coded([5, 5])]},
                                    schema={"m": {"type": "[][2]f32", "ann": {"late_interaction": True}}},
                                    distance_metric="euclidean_squared"),
     ids([1, 2], rank_by=["m", "ANN", [[1, 0]]], limit=9), items=40)
late("late_interaction_is_a_must", put({"id": 1, "m": [[1, 0]]}, distance_metric="euclidean_squared"),
     ids([1], rank_by=["m", "kNN", [[1, 0]]], limit=1, filters=["id", "Gte", 0]),
     fails(400, "m", query(rank_by=["m", "ANN", [[1, 0]]], limit=1)), items=40)
add("multi_vectors_of_two_lengths",
    fails(400, "All nested vectors must have the same number of dimensions, got: 2 and 3",
          put({"id": 1, "m": [[1, 0], [1, 2, 3]]}, distance_metric="euclidean_squared")), items=40)

# Recall.
recall = group("recall")
recall("recall_of_three_rows", put(*FIVE[:3], distance_metric="cosine_distance"),
       op("recall", Has(avg_recall=1, avg_exhaustive_count=2, avg_ann_count=2), num=1, top_k=2), items=25)
recall("recall_of_ninety_two", put(*({"id": n, "vector": [n, 1]} for n in range(92)), distance_metric="cosine_distance"),
       op("recall", Has(avg_recall=Check(lambda v: 0 <= v <= 1, "a share"), avg_exhaustive_count=10, avg_ann_count=10)), items=25)
recall("recall_with_truth", put(*FIVE, distance_metric="euclidean_squared"),
       op("recall", Has(avg_recall=1, ground_truth=Check(lambda v: len(v) == 2 and all(len(t["nearest_neighbors"]) == 3 for t in v),
                                                         "two lists of three")), num=2, top_k=3, include_ground_truth=True), items=25)
recall("recall_with_filters", put(*FIVE, distance_metric="euclidean_squared"),
       op("recall", Has(avg_recall=1, avg_exhaustive_count=2), num=2, top_k=4, filters=["id", "Lte", 2]), items=25)
