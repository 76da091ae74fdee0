"""Filters: every operator against a dumb evaluation, null, arrays, refusals."""
import fnmatch

from dsl import ANY, fails, found, group, op, put, write

add = group("filters")
ROWS = [{"id": 1, "n": 3, "s": "apple", "tags": ["red", "round"], "users": ["simon", "bojan"], "on": True},
        {"id": 2, "n": 7, "s": "banana", "tags": ["yellow"], "users": ["bojan"], "on": False},
        {"id": 3, "s": "Cherry", "tags": [], "users": []},
        {"id": 4, "n": -1, "tags": ["red", "small"], "users": ["nathan"]},
        {"id": 5, "n": 5, "s": "apricot/jam.txt", "on": True}]
FILL = put(*ROWS)


def where(test):
    return [row["id"] for row in ROWS if test(row)]


def compare(op, stored, literal):
    """Null is the smallest value."""
    a, b = [(0, 0) if v is None else (1, v) for v in (stored, literal)]
    return {"Eq": a == b, "NotEq": a != b, "Lt": a < b, "Lte": a <= b, "Gt": a > b, "Gte": a >= b}[op]


for operator in ("Eq", "NotEq", "Lt", "Lte", "Gt", "Gte"):
    add(f"compare_{operator.lower()}", FILL,
        *(found(where(lambda row: compare(operator, row.get(name), value)), [name, operator, value])
          for name, value in (("n", 5), ("n", None), ("n", -1), ("s", "apple"), ("s", None), ("id", 3))), items=22)
for operator in ("Lt", "Lte", "Gt", "Gte"):
    add(f"any_{operator.lower()}",
        put({"id": 1, "v": [1, 5]}, {"id": 2, "v": []}, {"id": 3, "v": [9]}, {"id": 4}, {"id": 5, "v": [3, 3]}),
        *(found([n for n, v in enumerate(([1, 5], [], [9], [], [3, 3]), 1) if any(compare(operator, x, limit) for x in v)],
                ["v", f"Any{operator}", limit]) for limit in (1, 3, 4, 9)),
        fails(400, "", found([], ["v", f"Any{operator}", None])), items=23)

# Lists and arrays.
add("in_on_an_array", FILL, found([1, 2], ["users", "In", "bojan"]), found([1], ["users", "In", ["simon"]]),
    found([1, 2, 4], ["users", "In", ["nathan", "bojan"]]), found([3, 4, 5], ["users", "NotIn", ["bojan"]]), items=8)
add("in_on_a_scalar", FILL, found([1, 5], ["n", "In", [3, 5, 99]]), found([2, 3, 4], ["n", "NotIn", [3, 5]]),
    found([], ["n", "In", []]), found([1, 2, 3, 4, 5], ["n", "NotIn", []]), found([2], ["s", "In", "banana"]), items=8)
add("and_or_nested", FILL,
    found([1], ["And", [["users", "In", "bojan"], ["Or", [["n", "Eq", 3], ["n", "Eq", 5]]]]]),
    found([1, 2, 5], ["Or", [["users", "In", ["bojan"]], ["And", [["on", "Eq", True], ["n", "Gt", 4]]]]]),
    found([1, 2, 3, 4, 5], ["And", []]), found([], ["Or", []]), items=8)
add("not_and_not_not", FILL, found([2, 4, 5], ["Not", ["Or", [["n", "Eq", 3], ["n", "Eq", None]]]]),
    found([1, 2, 5], ["Not", ["Not", ["n", "Gt", 0]]]), found([3, 4], ["Not", ["n", "Gt", 0]]),
    found([4], ["And", [["Not", ["n", "Gt", 0]], ["Not", ["n", "Eq", None]]]]), items=22)
for name, test, filters in (
        ("contains", lambda tags: "red" in (tags or []), ["tags", "Contains", "red"]),
        ("not_contains", lambda tags: "red" not in (tags or []), ["tags", "NotContains", "red"]),
        ("contains_any", lambda tags: {"round", "yellow"} & set(tags or []), ["tags", "ContainsAny", ["round", "yellow", "none"]]),
        ("not_contains_any", lambda tags: not {"round", "yellow"} & set(tags or []), ["tags", "NotContainsAny", ["round", "yellow"]])):
    add(name, FILL, found(where(lambda row: test(row.get("tags"))), filters), items=23)
add("contains_family_is_typed", FILL,
    *(fails(400, f"filter error in key `tags`: type mismatch, {operator} expects []string, but got", found([], ["tags", operator, value]))
      for operator in ("ContainsAny", "NotContainsAny") for value in ("red", 1)),
    fails(400, "filter error in key `tags`: type mismatch, ContainsAny expects", found([], ["tags", "ContainsAny", [1]])),
    *(fails(400, f"filter error in key `tags`: type mismatch, {operator} expects string, but got", found([], ["tags", operator, value]))
      for operator in ("Contains", "NotContains") for value in (["red"], 1)), items=23)
add("contains_needs_an_array", FILL, fails(400, "filter error in key `n`", found([], ["n", "Contains", 3])),
    fails(400, "filter error in key `s`", found([], ["s", "ContainsAny", ["a"]])), items=23)
add("contains_of_other_types",
    put({"id": 1, "i": [1, 2], "b": [True], "u": ["00000000-0000-0000-0000-000000000001"], "d": ["2024-01-01"], "f": [0.5, 1.0]},
        {"id": 2, "i": [3], "b": [False], "f": [2.5]}, schema={"u": "[]uuid", "d": "[]datetime", "f": "[]float"}),
    found([1], ["i", "Contains", 2]), found([2], ["b", "Contains", False]), found([1], ["u", "Contains", "0" * 31 + "1"]),
    found([1], ["d", "Contains", "2024-01-01T00:00:00+00:00"]), found([2], ["f", "ContainsAny", [2.5, 7]]),
    found([1], ["f", "Contains", 1]), items=23)
add("eq_on_arrays", FILL, found([4], ["tags", "Eq", ["red", "small"]]), found([], ["tags", "Eq", ["small", "red"]]),
    found([3], ["tags", "Eq", []]), found([5], ["tags", "Eq", None]), found([1, 2, 3, 4], ["tags", "NotEq", None]),
    found([1, 2, 3, 5], ["tags", "NotEq", ["red", "small"]]), items=23)
add("arrays_have_no_order", FILL, fails(400, "filter error in key `tags`", found([], ["tags", "Lt", "x"])), items=23)

# Types of operands.
add("operands_are_typed", FILL, fails(400, "filter error in key `n`: type mismatch", found([], ["n", "Eq", "3"])),
    fails(400, "filter error in key `s`: type mismatch", found([], ["s", "Gt", 3])),
    fails(400, "filter error in key `on`: type mismatch", found([], ["on", "Eq", 1])),
    fails(400, "filter error in key `id`: type mismatch", found([], ["id", "Gt", "1"])),
    fails(400, "filter error in key `n`: type mismatch", found([], ["n", "In", ["3"]])), items=17)
add("unknown_attributes", FILL, fails(400, "attribute not found", found([], ["nothing", "Eq", 1])),
    fails(400, "attribute not found", found([], ["And", [["n", "Eq", 1], ["nothing", "Eq", None]]])), items=17)
for name, filters in {"operator": ["n", "Equals", 3], "no_operand": ["n", "Eq"], "text": "n = 3", "lonely": ["And"],
                      "not_of_two": ["Not", ["n", "Eq", 1], ["n", "Eq", 2]], "mixed_list": ["n", "In", [1, "a"]],
                      "null_in_list": ["n", "In", [1, None]], "nested_list": ["n", "NotIn", [[1]]]}.items():
    add(f"shape_{name}", FILL, fails(422, "", found([], filters)), items=23)
add("an_object_is_no_value", FILL, fails(400, "n", found([], ["n", "Eq", {"$ref_new": "n"}])), items=17)
add("datetimes_compare",
    put(*({"id": n, "d": f"2024-0{n}-01T00:00:00Z"} for n in range(1, 6)), {"id": 6}, schema={"d": "datetime"}),
    found([3, 4, 5], ["d", "Gte", "2024-03-01"]), found([3], ["d", "Eq", "2024-03-01T01:00:00+01:00"]),
    found([1, 6], ["d", "Lt", "2024-02-01"]), fails(400, "d", found([], ["d", "Eq", "soon"])), items=17)
add("uuids_floats_and_bools_compare",
    put({"id": 1, "g": "00000000-0000-0000-0000-000000000001", "f": -0.5, "b": False},
        {"id": 2, "g": "00000000-0000-0000-0000-00000000000a", "f": 3, "b": True}, schema={"g": "uuid", "f": "float"}),
    found([2], ["g", "Eq", "00000000-0000-0000-0000-00000000000A"]), found([2], ["g", "Gt", "0" * 31 + "1"]),
    found([1], ["f", "Lt", 0]), found([2], ["f", "Eq", 3.0]), found([2], ["f", "In", [3]]), found([2], ["b", "Gt", False]),
    fails(400, "g", found([], ["g", "Eq", "apple"])), items=17)
add("uints_compare", put({"id": 1, "u": 0}, {"id": 2, "u": 9}, schema={"u": "uint"}), found([2], ["u", "Gt", 0]),
    fails(400, "u", found([], ["u", "Eq", -1])), items=17)
add("bytes_are_not_filtered", put({"id": 1, "raw": "AAAA"}, schema={"raw": "bytes"}), fails(400, "raw", found([], ["raw", "Eq", "AAAA"])),
    items=17)
add("vectors_are_not_filtered", put({"id": 1, "vector": [1, 1]}, distance_metric="cosine_distance"),
    fails(400, "vector", found([], ["vector", "Eq", [1, 1]])), items=17)
add("not_filterable", put({"id": 1, "a": "x", "b": 1}, schema={"a": {"type": "string", "filterable": False}}),
    fails(400, "filter error in key `a`", found([], ["a", "Eq", "x"])), found([1], ["b", "Eq", 1]),
    op("update_schema", ANY, {"a": {"type": "string", "filterable": True}}), found([1], ["a", "Eq", "x"]),
    op("update_schema", ANY, {"a": {"type": "string", "filterable": False}}),
    fails(400, "filter error in key `a`", found([], ["a", "Eq", "x"])), items=17)
add("wide_in", put(*({"id": n, "n": n} for n in range(10))), found([3, 7], ["n", "In", [3, 7, *range(1000, 11000)]]),
    found([0, 1, 2, 4, 5, 6, 8, 9], ["id", "NotIn", [3, 7, *range(1000, 11000)]]), items=8)


def deep(levels):
    return ["id", "Eq", 1] if levels == 0 else ["Not", deep(levels - 1)]


add("deep_nesting", put({"id": 1}, {"id": 2}), found([1], deep(40)), found([2], deep(41)), items=22)
add("filters_see_the_newest_rows", put({"id": 1, "n": 1}, {"id": 2, "n": 1}), write(patch_rows=[{"id": 2, "n": 2}], affected=1),
    found([1], ["n", "Eq", 1]), put({"id": 1, "n": 3}), found([], ["n", "Eq", 1]), found([1, 2], ["n", "Gte", 2]),
    write(deletes=[1], affected=1), found([2], ["n", "Gte", 2]), items=3)
add("operator_names_as_values", put({"id": 1, "s": "And"}, {"id": 2, "s": "Eq"}), found([1], ["s", "Eq", "And"]),
    found([2], ["s", "In", ["Eq"]]), items=8)

# Globs. fnmatch knows *, ? and classes, and lets * run over slashes like the contract does.
glob = group("glob")
FILES = ["src/main.rs", "src/lib/mod.rs", "README.md", "a.b", "src/[x].rs", "über.txt"]
FILL_FILES = put(*({"id": n, "f": f} for n, f in enumerate(FILES)), {"id": 6}, schema={"f": {"type": "string", "glob": True}})
for number, pattern in enumerate(["*.rs", "src/*", "??????.??", "README.?d", "[a-z].b", "[!a]*", "*", "a*b", "?ber.txt"]):
    good = [n for n, f in enumerate(FILES) if fnmatch.fnmatchcase(f, pattern)]
    glob(f"glob_{number}", FILL_FILES, found(good, ["f", "Glob", pattern]),
         found([n for n in range(7) if n not in good], ["f", "NotGlob", pattern]), items=23)
glob("alternatives_and_escapes", FILL_FILES, found([0, 2], ["f", "Glob", "{src/m*,READ*}"]), found([4], ["f", "Glob", "src/\\[x\\].rs"]),
     found([0, 1, 4], ["f", "Glob", "**.rs"]), found([0, 1, 4], ["f", "Glob", "src/**"]), found([0, 1], ["f", "Glob", "src/**/m*.rs"]),
     items=23)
glob("case_blind", FILL_FILES, found([2], ["f", "IGlob", "readme.*"]), found([0, 1, 3, 4, 5, 6], ["f", "NotIGlob", "readme.*"]),
     found([], ["f", "Glob", "readme.*"]), items=23)
glob("on_arrays", put({"id": 1, "t": ["one", "two"]}, {"id": 2, "t": []}, {"id": 3}, schema={"t": {"type": "[]string", "glob": True}}),
     found([1], ["t", "Glob", "t*"]), found([2, 3], ["t", "NotGlob", "t*"]), found([1], ["t", "Glob", "*"]), items=23)
glob("on_filterable_and_ids", put({"id": "ab", "s": "xy"}, {"id": "cd", "s": "zy"}), found(["ab"], ["s", "Glob", "x*"]),
     found(["cd"], ["id", "Glob", "c*"]), items=23)
glob("invalid", FILL_FILES, *(fails(400, "f", found([], ["f", "Glob", pattern])) for pattern in ("[a", "{a", "a\\")),
     fails(400, "f", found([], ["f", "Glob", 5])), items=23)
glob("needs_an_index", put({"id": 1, "s": "x", "n": 1}, schema={"s": {"type": "string", "filterable": False}}),
     fails(400, "s", found([], ["s", "Glob", "x"])), fails(400, "n", found([], ["n", "Glob", "x"])), items=17)

# Regular expressions and fuzzy matches, each with an index of its own.
regex = group("regex")
FILL_REGEX = put({"id": 1, "r": "Photo of plants"}, {"id": 2, "r": "photo 12"}, {"id": 3}, {"id": 4, "r": "ünï 3\nPhoto"},
                 schema={"r": {"type": "string", "regex": True}})
for name, pattern, good in (("anchors", "^Photo.*plants$", [1]), ("unanchored", "oto", [1, 2, 4]), ("classes", "[0-9]{2}", [2]),
                            ("unicode", "^\\w+ \\d", [2, 4]), ("flags", "(?i)^photo", [1, 2]), ("lines", "(?m)^Photo", [1, 4]),
                            ("alternatives", "plants|12", [1, 2]), ("repeats", "^(ph|oto| |1|2)+$", [2])):
    regex(f"regex_{name}", FILL_REGEX, found(good, ["r", "Regex", pattern]), items=23)
regex("regex_refusals", FILL_REGEX, found([1, 2, 4], ["r", "Regex", "o"]),
      *(fails(400, "r", found([], ["r", "Regex", pattern])) for pattern in ("(", "a(?=b)", "(a)\\1")), items=23)
fuzzy = group("fuzzy")
FILL_FUZZY = put({"id": 1, "z": "turbopuffer"}, {"id": 2, "z": "a turbopufer here"}, {"id": 3, "z": "Turbopuffer"}, {"id": 4},
                 schema={"z": {"type": "string", "fuzzy": True}})


def near(text, distance, chars, **more):
    return ["z", "Fuzzy", text, {"max_edit_distance": [{"min_query_chars": chars, "distance": distance}], **more}]


fuzzy("fuzzy_distances", FILL_FUZZY, found([1], near("turbopuffer", 0, 3)), found([1, 2, 3], near("turbopuffer", 1, 6)),
      found([1, 2, 3], near("turbopuffxer", 2, 9)), found([], near("turbo", 1, 6)), items=23)
fuzzy("fuzzy_case", FILL_FUZZY, found([1, 3], near("TURBOPUFFER", 0, 3, case_sensitive=False)), found([], near("TURBOPUFFER", 0, 3)),
      items=23)
fuzzy("fuzzy_refusals", FILL_FUZZY, found([1], near("turbopuffer", 0, 3)), fails(400, "z", found([], near("turbo", 3, 12))),
      fails(400, "z", found([], near("turbo", 1, 5))),
      fails(400, "z", found([], ["z", "Fuzzy", "turbo", {"max_edit_distance": []}])), items=23)
add("indexes_are_needed", put({"id": 1, "s": "x"}), fails(400, "s", found([], ["s", "Regex", "x"])),
    fails(400, "s", found([], ["s", "ContainsAllTokens", "x"])),
    fails(400, "s", found([], ["s", "Fuzzy", "xxx", {"max_edit_distance": [{"min_query_chars": 3, "distance": 0}]}])), items=17)
