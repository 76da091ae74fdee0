"""Filters: every operator against a dumb evaluation, null, arrays, refusals."""
from dsl import fails, found, group, ids, put, query

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
