"""Records golden.json: requests and what the model server answers to them.

    python3 record.py MODEL_DIRECTORY > golden.json

A scenario is a list of steps on one namespace that does not exist at first. A step is a request (its body
as text, so that the spelling of numbers stays) and the model's answer. What the namespace holds at the end
of a scenario stands behind its steps. The model needs numpy; reading the recording needs nothing."""
import copy
import json
import random
import sys

sys.path.insert(0, sys.argv[1])
import server
import writes
from errors import ApiError
from schema import schema_view
from values import render

BIG = 2**64 - 1


def up(*rows, **more):
    return {"upsert_rows": list(rows), **more}


# -- requests that are refused -------------------------------------------------------------------------

PLAIN = up({"id": 1, "a": 1, "s": "x", "tags": ["p"], "e": []})
VECTOR = up({"id": 1, "vector": [1, 2], "n": 1}, distance_metric="euclidean_squared")
WORDS = up({"id": "x", "a": True})
UUIDS = up({"id": "00000000-0000-4000-8000-000000000001", "a": 1}, schema={"id": "uuid"})

SHAPES = [
    [], "text", 5, True,
    {"upsert_rows": {"id": 1}}, {"upsert_rows": "x"}, {"upsert_rows": 1.5}, {"upsert_rows": True},
    up(5), up([1]), up(None), up({}), up({"a": 1}), up({"id": None}), up({"id": -1}), up({"id": 1.5}),
    up({"id": True}), up({"id": [1]}), up({"id": BIG + 1}), up({"id": 1}, {"a": 2}), up({"id": 1}, {"id": {}}),
    {"patch_rows": {"id": 1}}, {"patch_rows": [7]}, {"patch_rows": [{"a": 1}]}, {"patch_rows": [{"id": -7}]},
    {"upsert_columns": []}, {"upsert_columns": {"id": 5}}, {"upsert_columns": {"id": [1, "x"]}},
    {"upsert_columns": {"id": [1, None]}}, {"upsert_columns": {"id": None}}, {"upsert_columns": {"id": [1], "a": 5}},
    {"upsert_columns": {"id": [1], "a": "text"}}, {"upsert_columns": {"id": [1], "vector": 5}},
    {"upsert_columns": {"id": [1], "a": None}}, {"patch_columns": "x"}, {"patch_columns": {"id": [-1]}},
    {"patch_columns": {"id": [1], "a": {}}},
    {"deletes": 5}, {"deletes": [1, "x"]}, {"deletes": [None]}, {"deletes": [1.0]}, {"deletes": {"id": 1}},
    up(return_affected_ids=1), up(disable_backpressure="yes"), up(create_namespace="true"),
    up(delete_by_filter_allow_partial=0), up(patch_by_filter_allow_partial=[]),
    up(distance_metric="manhattan"), up(distance_metric=5), up(schema=[]), up(schema={"a": 5}), up(schema={"a": {}}),
    up(schema={"a": {"type": 5}}), up(schema={"a": {"type": "int", "filterable": 1}}),
    up(schema={"a": {"type": "string", "full_text_search": 5}}), up(schema={"a": {"type": "string", "glob": "x"}}),
    up(schema={"a": {"type": "string", "full_text_search": {"tokenizer": "none"}}}),
    up(schema={"a": {"type": "string", "full_text_search": {"k1": "x"}}}),
    up(schema={"v": {"type": "[2]f32", "ann": 1}}), up(schema={"v": {"type": "[2]f32", "ann": {"distance_metric": "x"}}}),
    up(schema={"a": {"drop": 1}}), up(schema={"a": {"drop": False}}), up(schema={"a": {"drop": True, "type": "int"}}),
    up(schema={"a": {"type": "{}f16", "sparse_knn": {"distance_metric": "cosine_distance"}}}),
    up(sharding=5), up(sharding={}), up(sharding={"num_shards": "x"}), up(sharding={"num_shards": 1.5}),
    up(encryption="x"), up(encryption=[]),
    {"copy_from_namespace": 5}, {"copy_from_namespace": {}}, {"branch_from_namespace": {"source_namespace": 1}},
    {"upsert_rows": {}, "deletes": 5},
    up({"id": 1}, upsert_condition=5), up({"id": 1}, upsert_condition=["a"]), up({"id": 1}, upsert_condition=["a", "Nope", 1]),
    {"patch_rows": [{"id": 1}], "patch_condition": {}}, {"deletes": [1], "delete_condition": "x"}, {"delete_by_filter": "x"},
    {"delete_by_filter": ["a", "In", [1, "x"]]}, {"patch_by_filter": ["a", "Eq", 1]}, {"patch_by_filter": {"filters": ["a", "Eq", 1]}},
    {"patch_by_filter": {"patch": {"a": 1}}}, {"patch_by_filter": {"filters": None, "patch": {"a": 1}}},
    {"patch_by_filter": {"filters": ["a", "Eq", 1], "patch": [1]}}, {"patch_by_filter": {"filters": ["a"], "patch": {}}},
    {"patch_by_filter": {"filters": ["a"], "patch": None}},
]
MEANINGS = [
    {}, {"distance_metric": "cosine_distance"}, {"return_affected_ids": True}, {"upsert_rows": None},
    up({"id": 1}, delete_by_filter_allow_partial=True), up({"id": 1}, patch_by_filter_allow_partial=False),
    up({"id": 1}, encryption={"mode": "customer-managed", "key_name": "mykey"}),
    up({"id": 1}, encryption={"cmek": {"key_name": "mykey"}}), up({"id": 1}, encryption={"mode": "other"}),
    up({"id": 1}, encryption={"mode": "default", "encryption_context": {"aws:x": "1"}}),
    up({"id": 1}, encryption={"mode": "default", "encryption_context": {"x": 1}}),
    {"upsert_columns": {"a": [1]}}, {"upsert_columns": {}}, {"upsert_columns": {"id": [1, 2], "a": [1]}},
    {"patch_columns": {"id": [1], "a": []}}, {"upsert_columns": {"id": [1, 2], "vector": "AAAAPw=="}},
    {"upsert_columns": {"id": [1, 2], "vector": "!"}}, {"upsert_columns": {"id": [1, 2], "vector": [1, 2, 3]}},
    up({"id": 1, "": 1}), up({"id": 1, "$x": 1}), up({"id": 1, "n" * 129: None}), {"patch_rows": [{"id": 1, "$y": None}]},
    up({"id": 1, "a": "x"}), up({"id": 1, "a": 1.5}), up({"id": 1, "a": 2**63}), up({"id": 1, "s": 5}), up({"id": 1, "s": ["x"]}),
    up({"id": 1, "tags": "p"}), up({"id": 1, "tags": [1]}), up({"id": 1, "tags": ["p", None]}), up({"id": 1, "new": 1.5}),
    up({"id": 1, "new": [1.5]}), up({"id": 1, "new": [1, "x"]}), up({"id": 1, "new": [[1], []]}), up({"id": 1, "e": "x"}),
    up({"id": 1, "e": [0.5]}), up({"id": 1, "e": {"a": 1}}), up({"id": 1, "new": {"a": "x"}}),
    up({"id": 1, "vector": [1, 2]}), up({"id": "x"}), {"deletes": ["x"]}, {"patch_rows": [{"id": "x"}]},
    up({"id": 1}, {"id": 1}), up({"id": 9}, {"id": 3}, {"id": 9}, {"id": 3}, {"id": 3}),
    {"upsert_rows": [{"id": 1}], "deletes": [1]}, {"upsert_rows": [{"id": 1}], "patch_rows": [{"id": 1}]},
    {"deletes": [7, 8, 7]}, {"patch_columns": {"id": [1, 1]}}, {"upsert_rows": [{"id": 1}], "upsert_columns": {"id": [1]}},
    up({"id": 1}, schema={"a": "string"}), up({"id": 1}, schema={"a": "nonsense"}), up({"id": 1}, schema={"id": "string"}),
    up({"id": 1}, schema={"id": "int"}), up({"id": 1}, schema={"id": {"drop": True}}), up({"id": 1}, schema={"$x": {"drop": True}}),
    up({"id": 1, "a": 1}, schema={"a": {"drop": True}}), {"schema": {"a": {"drop": True}}, "patch_columns": {"id": [1], "a": [None]}},
    up({"id": 1}, schema={"v": {"type": "[2]f32", "ann": True}}), up({"id": 1}, schema={"v": "[2]f32"}),
    up({"id": 1}, schema={"vector": "[2]f32"}), up({"id": 1}, schema={"v": {"type": "[0]f32", "ann": True}}),
    up({"id": 1}, schema={"v": {"type": "[20000]f32", "ann": True}}), up({"id": 1}, schema={"x": {"type": "int", "regex": True}}),
    up({"id": 1}, schema={"x": {"type": "bytes", "filterable": True}}), up({"id": 1}, schema={"x": {"type": "int", "ann": True}}),
    up({"id": 1}, schema={"x": {"type": "int", "full_text_search": True}}), up({"id": 1}, schema={"x": {"type": "int", "sparse_knn": {"distance_metric": "dot_product"}}}),
    up({"id": 1}, schema={"x": {"type": "string", "full_text_search": {"k1": 0}}}),
    up({"id": 1}, schema={"x": {"type": "string", "embed": "a/b"}}),
    up({"id": 1}, distance_metric="cosine_distance"), up({"id": 1}, sharding={"num_shards": 2}), up({"id": 1}, sharding={"num_shards": 0}),
    up({"id": 1}, sharding={"num_shards": 257}), up({"id": 1, "u": -1}, schema={"u": "uint"}), up({"id": 1, "d": "2024-13-01"}, schema={"d": "datetime"}),
    up({"id": 1, "d": 5}, schema={"d": "datetime"}), up({"id": 1, "g": "zz"}, schema={"g": "uuid"}), up({"id": 1, "b": "?"}, schema={"b": "bytes"}),
    up({"id": 1, "s": "x" * 4097}), up({"id": 1, "w": {f"k{i}": 1 for i in range(1025)}}), up({"id": 1, "w": {"k": 1e9}}),
    up(*[{"id": i, f"name{i}": i} for i in range(1030)]), {"schema": {f"name{i}": "int" for i in range(1030)}},
    {"upsert_condition": ["a", "Eq", 1]}, {"schema": {}, "upsert_condition": ["a", "Eq", 1]}, up({"id": 1}, patch_condition=["a", "Eq", 1]),
    up({"id": 1}, delete_condition=["a", "Eq", 1]), {"delete_by_filter": ["a", "Eq", 1], "delete_condition": ["a", "Eq", 1]},
    {"patch_by_filter": {"filters": ["a", "Eq", 1], "patch": {"a": 2}}, "patch_condition": ["a", "Eq", 1]},
    {"delete_by_filter": ["a", "Eq", 1], "patch_by_filter_allow_partial": True}, {"deletes": [1], "delete_by_filter_allow_partial": True},
    {"delete_by_filter": ["nope", "Eq", 1]}, {"delete_by_filter": ["a", "Eq", "x"]}, {"delete_by_filter": ["a", "Eq", {"$ref_new": "a"}]},
    {"delete_by_filter": ["s", "Glob", 4]}, {"delete_by_filter": ["tags", "Contains", 1]},
    up({"id": 1}, upsert_condition=["a", "Eq", {"$ref_new": "nope"}]), up({"id": 1}, upsert_condition=["a", "Eq", {"$ref_new": "s"}]),
    up({"id": 1}, upsert_condition=["a", "Eq", {"$ref_new": "a", "more": 1}]),
    up({"id": 1}, {"id": 1}, upsert_condition=["nope", "Eq", 1]),
    {"patch_by_filter": {"filters": ["a", "Eq", 1], "patch": {"id": 1}}}, {"patch_by_filter": {"filters": ["a", "Eq", 1], "patch": {"a": "x"}}},
    {"patch_by_filter": {"filters": ["a", "Eq", 1], "patch": {"$x": 1}}}, {"patch_by_filter": {"filters": ["a", "Eq", 1], "patch": {"new": 1.5}}},
    {"patch_by_filter": {"filters": ["nope", "Eq", 1], "patch": {"a": 2}}}, {"patch_by_filter": {"filters": ["a", "Eq", 1], "patch": {"vector": [1]}}},
    {"patch_by_filter": {"filters": ["a", "Eq", 1], "patch": {"s": "x" * 4097}}},
    {"patch_by_filter": {"filters": ["a", "Eq", 1], "patch": {"a": None}}, "schema": {"a": {"drop": True}}},
    {"delete_by_filter": ["a", "Eq", 1], "schema": {"a": {"drop": True}}},
]
VECTOR_MEANINGS = [
    up({"id": 2}), up({"id": 2, "vector": None}), up({"id": 2, "vector": [1]}), up({"id": 2, "vector": []}), up({"id": 2, "vector": "AA=="}),
    up({"id": 2, "vector": "AAAAPw=="}), up({"id": 2, "vector": [1, "x"]}), up({"id": 2, "vector": [1, 1e39]}), up({"id": 2, "vector": 5}),
    up({"id": 2, "vector": [1, 2], "v2": [[1, 2]]}), up({"id": 2, "vector": [1, 2]}, distance_metric="cosine_distance"),
    {"patch_by_filter": {"filters": ["n", "Eq", 1], "patch": {"vector": [1, 2]}}}, {"delete_by_filter": ["vector", "Eq", [1, 2]]},
    {"patch_rows": [{"id": 1, "vector": [1, 2]}]}, {"patch_rows": [{"id": 1, "vector": None}]}, {"schema": {"vector": {"drop": True}}},
    {"schema": {"vector": "[3]f32"}}, {"schema": {"v": {"type": "[3]f32", "ann": True}}}, {"upsert_columns": {"id": [1, 2], "vector": [[1, 2], None]}},
    {"upsert_columns": {"id": [3, 4], "vector": "AAAAPwAAgD8="}}, {"upsert_columns": {"id": [3], "n": [1]}},
]
FIRST_WRITES = [
    {"patch_rows": [{"id": 1, "a": 1}]}, {"schema": {"a": "int"}}, {"deletes": [1], "schema": {"a": "int"}},
    up({"id": 1}, create_namespace=False), {"create_namespace": True}, {"create_namespace": True, "schema": {"a": "int"}},
    {"create_namespace": True, "deletes": ["x"], "schema": {"id": "uint"}},
    up({"id": 1, "vector": [1, 2]}), up({"id": 1}, distance_metric="cosine_distance"), up({"id": 1}, {"id": "x"}), up({"id": "x"}, {"id": 1}),
    up({"id": "x" * 65}), up({"id": "x"}, schema={"id": "uint"}), up({"id": "x"}, schema={"id": "uuid"}), up({"id": 5}, schema={"id": "uuid"}),
    up({"id": 1, "v": [1, 2]}, schema={"v": {"type": "[2]f32", "ann": {"distance_metric": "cosine_distance"}}}),
    up({"id": 1, "v": [1, 2]}, schema={"v": {"type": "[2]f32", "ann": {"distance_metric": "cosine_distance"}}}, distance_metric="euclidean_squared"),
    up({"id": 1}, schema={f"v{i}": {"type": "[1]f32", "ann": True} for i in range(9)}, distance_metric="cosine_distance"),
    up({"id": 1, "v": [300]}, schema={"v": {"type": "[1]i8", "ann": True}}, distance_metric="cosine_distance"),
    up({"id": 1, "v": [70000]}, schema={"v": {"type": "[1]f16", "ann": True}}, distance_metric="cosine_distance"),
    up({"id": 1, "m": [[1, 2], [1]]}, distance_metric="cosine_distance"), up({"id": 1, "m": [[1, 2]]}, {"id": 2, "m": [[1]]}, distance_metric="cosine_distance"),
    {}, {"upsert_rows": []}, {"upsert_rows": [], "create_namespace": True},
    {"delete_by_filter": ["id", "Eq", 1]}, {"deletes": [1, 2], "delete_by_filter": ["id", "Eq", 1]},
    {"patch_by_filter": {"filters": ["id", "Eq", 1], "patch": {"a": 1}}}, {"deletes": [1, 2], "delete_condition": ["id", "Eq", 1]},
    up({"id": 1, "a": 1}, {"id": 2, "a": 2}, upsert_condition=["a", "Eq", 7], return_affected_ids=True),
    up({"id": 1, "a": 1}, delete_by_filter=["a", "Eq", 1], patch_by_filter={"filters": ["a", "Eq", 1], "patch": {"b": True}}),
    {"create_namespace": True, "schema": {"id": "uint"}, "deletes": [1], "delete_condition": ["id", "Eq", 1], "return_affected_ids": True},
    {"create_namespace": True, "schema": {"id": "uint"}, "delete_by_filter": ["id", "Eq", 1]},
    {"create_namespace": True, "schema": {"id": "uint"}, "patch_by_filter": {"filters": ["id", "Eq", 1], "patch": {"a": 1}}},
]
SETTINGS = [{"read_only": 1}, {"read_only": "x"}, {"pinning": 5}, {"pinning": []}, {"pinning": {"replicas": 0}},
            {"pinning": {"replicas": "x"}}, {"pinning": {"replicas": -1}}, [], 7]
DEFINITIONS = [[], 5, {"a": 5}, {"schema": {"a": "int"}}, {"a": {"drop": False}}, {"a": "string"}, {"new": "nope"}]


def refusals():
    rows = [[("rows", PLAIN), ("rows", body)] for body in SHAPES + MEANINGS]
    rows += [[("rows", body)] for body in SHAPES[:20] + FIRST_WRITES]
    rows += [[("rows", VECTOR), ("rows", body)] for body in VECTOR_MEANINGS]
    rows += [[("rows", WORDS), ("rows", body)] for body in (up({"id": 1}), {"deletes": [1]}, up({"id": "x" * 65}))]
    rows += [[("rows", UUIDS), ("rows", body)] for body in (
        up({"id": 1}), up({"id": "x"}), {"deletes": ["{00000000-0000-4000-8000-00000000000F}", "0000000000004000800000000000000f"]})]
    rows += [[("rows", PLAIN), ("settings", body)] for body in SETTINGS]
    rows += [[("rows", PLAIN), ("schema", body)] for body in DEFINITIONS]
    rows += [[("settings", {"read_only": True})], [("schema", {"a": "int"})], [("delete", None)]]
    frozen = [("rows", PLAIN), ("settings", {"read_only": True})]
    rows += [frozen + [step] for step in (
        ("rows", up({"id": 5})), ("rows", {}), ("rows", {"deletes": []}), ("rows", {"schema": {"zz": {"drop": True}}}),
        ("schema", {"a": "int"}), ("settings", {"read_only": False}), ("delete", None), ("rows", up({"id": 1}, create_namespace=False)))]
    return rows


# -- requests that are carried out -----------------------------------------------------------------------

VALUES = {"i": [1, -5, 2**63 - 1, None], "t": ["", "é", "quote\"\\\n", "x" * 40, None], "b": [True, False, None],
          "li": [[1, 2], [], [-1], None], "ls": [["a"], ["a", "b", ""], None], "lb": [[True], [False, True]],
          "e": [[], [1], [2, 3], None], "sp": [{"k1": 1, "k2": 0.5}, {}, {"k": -2.25}, None],
          "f": [0.5, 1, -1e10, 1e-7, None], "u": [0, BIG, None], "d": ["2024-03-01", "2024-03-02T01:00:00.125999+01:00", None],
          "g": ["00000000-0000-4000-8000-00000000000A", "urn:uuid:00000000-0000-4000-8000-00000000000b", None], "by": ["", "AAAA", None],
          "lf": [[0.1, 2], [], None], "ld": [["2024-03-01"], None], "m": [[[1, 2]], [[0.5, 1.5], [3, 4]], None]}
DECLARED = {"f": "float", "u": "uint", "d": "datetime", "g": "uuid", "by": "bytes", "lf": "[]float", "ld": "[]datetime",
            "m": {"type": "[][2]f32", "ann": True}, "vector": {"type": "[2]f32", "ann": True},
            "vh": {"type": "[3]f16", "ann": True}, "vi": {"type": "[2]i8", "ann": True}}
VECTORS = {"vector": [[1, 2], [0.1, 0.2], "AAAAPwAAgD8="], "vh": [[0.123456789, 1, -2]], "vi": [[-128, 127], [0, 1]]}
CHANGES = [{"t": {"type": "string", "filterable": False}}, {"t": {"type": "string", "full_text_search": True}}, {"t": "string"},
           {"ls": {"type": "[]string", "glob": True}}, {"i": {"drop": True}}, {"nothing": {"drop": True}}, {"later": "float"},
           {"t": {"type": "string", "full_text_search": {"stemming": True, "k1": 2}, "regex": True}}, {"e": "[]int"}]


class Random:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.kind = self.r.choice(["uint", "uint", "string", "uuid"])
        self.vectors = [v for v in VECTORS if self.r.random() < 0.5] if self.r.random() < 0.4 else []
        names = [a for a in VALUES if (a != "m" or self.vectors)]
        self.names = self.r.sample(names, self.r.randint(2, 8))
        self.first = True

    def id(self):
        n = self.r.randint(1, 9)
        if self.kind == "uint":
            return n if n < 9 else BIG - n
        if self.kind == "string":
            return ["", "a", "ä", "b\"", "10", "9", "zz", "z", "x" * 64, "q"][n]
        text = f"{n:08x}-0000-4000-8000-{n * 7919:012x}"
        return self.r.choice([text, text.upper(), "urn:uuid:" + text, "{" + text + "}", text.replace("-", "")])

    def ids(self, count):
        out, seen = [], set()
        while len(out) < count:
            i = self.id()
            key = i if self.kind != "uuid" else i.lower().replace("urn:uuid:", "").strip("{}").replace("-", "")
            if key in seen and self.r.random() < 0.99:
                continue
            seen.add(key)
            out.append(i)
        return out

    def row(self, i, upsert):
        row = {"id": i}
        for a in self.names:
            if self.r.random() < 0.6:
                row[a] = self.r.choice(VALUES[a])
            elif self.r.random() < 0.01:
                row[a] = self.r.choice(VALUES[self.r.choice(self.names)])
        for v in self.vectors if upsert else []:
            if self.r.random() < 0.99:
                row[v] = self.r.choice(VECTORS[v])
        items = list(row.items())
        self.r.shuffle(items)
        return dict(items)

    def columns(self, ids, upsert):
        rows = [self.row(i, upsert) for i in ids]
        names = ["id"] + sorted({a for row in rows for a in row if a != "id"}, key=lambda a: self.r.random())
        columns = {a: [row.get(a) for row in rows] for a in names}
        if upsert and "vector" in columns and self.r.random() < 0.5 and not any(isinstance(v, str) or v is None for v in columns["vector"]):
            columns["vector"] = [x for v in columns["vector"] for x in v]
        return columns

    def write(self):
        r, body = self.r, {}
        ids = self.ids(r.randint(1, 6))
        if self.first or r.random() < 0.7:
            part, ids = ids[:3], ids[3:]
            if r.random() < 0.5:
                body["upsert_rows"] = [self.row(i, True) for i in part]
            else:
                body["upsert_columns"] = self.columns(part, True)
        if r.random() < 0.5 and ids:
            part, ids = ids[:2], ids[2:]
            if r.random() < 0.6:
                body["patch_rows"] = [self.row(i, False) for i in part]
            else:
                body["patch_columns"] = self.columns(part, False)
        if r.random() < 0.4:
            body["deletes"] = ids
        if self.first:
            body["schema"] = {a: DECLARED[a] for a in self.names + self.vectors if a in DECLARED}
            body["schema"]["id"] = self.kind
            if r.random() < 0.2:
                body["sharding"] = {"num_shards": 4}
            if r.random() < 0.1:
                body = {"create_namespace": True, "schema": body["schema"], "deletes": ids}
        elif r.random() < 0.25:
            body["schema"] = r.choice(CHANGES)
        if self.vectors and (self.first or r.random() < 0.3):
            body["distance_metric"] = "euclidean_squared"
        if r.random() < 0.5:
            body["return_affected_ids"] = r.random() < 0.8
        if r.random() < 0.2:
            body["disable_backpressure"] = True
        if r.random() < 0.1:
            body["create_namespace"] = r.choice([True, None])
        self.first = False
        return body

    def step(self):
        x = self.r.random()
        if self.first or x < 0.85:
            return "rows", self.write()
        if x < 0.91:
            return "schema", self.r.choice(CHANGES)
        if x < 0.99:
            return "settings", self.r.choice([{"read_only": False}, {"pinning": True}, {"pinning": None, "read_only": None},
                                              {"pinning": {"replicas": 3}}, {}, {"read_only": True}])
        self.first = True
        return "delete", None


OPERATORS = {"i": ["Eq", "NotEq", "Lt", "Lte", "Gt", "Gte", "In"], "t": ["Eq", "NotEq", "Lt", "Gt", "In", "NotIn"], "b": ["Eq", "NotEq"],
             "li": ["Contains", "NotContains", "AnyGt", "Eq"], "ls": ["Contains", "ContainsAny", "Eq"], "lb": ["Contains"],
             "f": ["Lt", "Gte", "NotEq"], "u": ["Eq", "Lte", "In"], "d": ["Lt", "Gt", "Eq"], "g": ["Eq", "NotEq", "In"]}


class Choosy(Random):
    """Conditions and operations by filter, beside all that Random does."""

    def filter(self, deep, refs):
        r = self.r
        if deep and r.random() < 0.3:
            kind = r.choice(["And", "Or", "Not"])
            if kind == "Not":
                return ["Not", self.filter(False, refs)]
            return [kind, [self.filter(False, refs) for _ in range(r.randint(0, 3))]]
        names = [a for a in self.names if a in OPERATORS]
        a = r.choice(names + ["id"])
        if a == "id":
            return ["id", r.choice(["Eq", "NotEq"]), self.id()] if r.random() < 0.5 else ["id", "In", self.ids(r.randint(0, 4))]
        op = r.choice(OPERATORS[a])
        values = [v for v in VALUES[a] if v is not None and (a != "f" or isinstance(v, float))]
        if op in ("In", "NotIn"):
            return [a, op, r.sample(values, r.randint(0, len(values)))]
        if op == "ContainsAny":
            return [a, op, ["a", "zz"]]
        if refs and op in ("Eq", "NotEq", "Lt", "Lte", "Gt", "Gte") and r.random() < 0.5:
            return [a, op, {"$ref_new": a}]
        if op in ("Contains", "NotContains", "AnyGt"):
            return [a, op, {"li": 1, "ls": "a", "lb": True}[a]]
        if op in ("Eq", "NotEq") and r.random() < 0.3:
            return [a, op, None]
        return [a, op, r.choice(values)]

    def write(self):
        r, first, body = self.r, self.first, super().write()
        if first and r.random() < 0.8:
            return body
        for name, operations in writes.CONDITIONS.items():
            if any(o in body for o in operations) and r.random() < 0.5:
                body[name] = self.filter(True, True)
        if r.random() < 0.3:
            body["delete_by_filter"] = self.filter(True, False)
            if r.random() < 0.5:
                body["delete_by_filter_allow_partial"] = r.random() < 0.5
        if r.random() < 0.3:
            patch = {k: v for k, v in self.row(0, False).items() if k != "id"}
            body["patch_by_filter"] = {"filters": self.filter(True, False), "patch": patch}
        return body


SPECIAL = [
    [("rows", {"deletes": [1, 2, 2]}), ("rows", PLAIN), ("rows", {"deletes": [1, 7], "return_affected_ids": True})],
    [("rows", {"create_namespace": True, "schema": {"id": "uuid"}}), ("rows", {"create_namespace": True}), ("rows", {"deletes": []}),
     ("schema", {"x": "int"}), ("delete", None), ("rows", WORDS)],
    [("rows", PLAIN), ("rows", {"upsert_rows": []}), ("rows", {"patch_rows": [{"id": 77, "a": 5}]}), ("rows", {"patch_rows": [{"id": 77, "n2": 5}]}),
     ("rows", {"schema": {}}), ("schema", {})],
    [("rows", PLAIN), ("rows", {"schema": {"a": {"drop": True}}}), ("rows", up({"id": 2, "a": "text"})), ("rows", {"patch_rows": [{"id": 1, "a": "again"}]})],
    [("rows", up({"id": 1, "e": []}, {"id": 2, "e": [1]}, {"id": 3, "e": []})), ("rows", up({"id": 4, "e": [2]}))],
    [("rows", up({"id": 1, "e": []})), ("rows", up({"id": 2, "e": ["s"]})), ("rows", up({"id": 3, "e": [1]}))],
    [("rows", up({"id": 1, "x": None})), ("rows", up({"id": 2, "x": "late"})), ("rows", {"patch_rows": [{"id": 2, "x": None, "y": None}]})],
    [("rows", up({"id": 1}, encryption={"mode": "default", "encryption_context": {"k": "v"}}, sharding={"num_shards": 3})),
     ("rows", up({"id": 2}, sharding={"num_shards": 3})), ("rows", up({"id": 2}, sharding={"num_shards": 4}))],
    [("rows", {"upsert_columns": {"vector": "AAAAPwAAgD8AAAA/AACAPw==", "id": [1, 2]}, "distance_metric": "cosine_distance"}),
     ("rows", {"upsert_columns": {"id": [3, 4], "vector": [1, 2, 3, 4.5]}}), ("rows", up({"id": 5, "vector": [0, 1]}, distance_metric="cosine_distance"))],
]


def namespace(model):
    ns = model.store.get("ns")
    if ns is None:
        return None
    rows = []
    for row in ns.ordered():
        rows.append({a: v if a == "id" else render(v, ns.schema[a].type) for a, v in row.items()})
    return {"schema": schema_view(ns), "rows": rows, "metric": ns.metric, "read_only": ns.read_only,
            "pinned": ns.pinning or 0, "shards": (ns.sharding or {}).get("num_shards", 0)}


def run(model, kind, body):
    if kind == "rows":
        return writes.write(model.store, "ns", body)
    if kind == "schema":
        writes.update_schema(model.store, "ns", body)
    elif kind == "settings":
        model.update_metadata("ns", "v2", body)
    else:
        model.delete("ns")
    return {}


def record(steps):
    model = server.Model()
    out = []
    for kind, body in steps:
        text = json.dumps(body, ensure_ascii=False)
        step = {"kind": kind, "body": text, "status": 200}
        try:
            answer = run(model, kind, copy.deepcopy(json.loads(text)))
            ids = model.store["ns"].id_type if "ns" in model.store else None
            step.update({k: v for k, v in answer.items() if k.startswith("rows_") or k.endswith("_ids")})
            if answer and ids != "uuid":     # the model bills uuids as texts
                step["bytes"] = answer["billing"]["billable_logical_bytes_written"]
        except ApiError as e:
            step.update(status=e.status, error=e.text, **e.extra)
        out.append(step)
    return {"steps": out, "namespace": namespace(model)}


def main():
    scenarios = [record(steps) for steps in refusals() + SPECIAL]
    for seed in range(240):
        r = Random(seed) if seed < 150 else Choosy(seed)
        scenarios.append(record([r.step() for _ in range(8)]))
    print("[" + ",\n".join(json.dumps(s, ensure_ascii=False, separators=(",", ":")) for s in scenarios) + "]")


main()
