"""Words of the scenario table: steps that no SDK owns, what they must answer, and how that is judged.

A scenario is a name, the group of features it needs, and steps. A step says an operation in the words of the wire
contract; the runners (one for each SDK) carry it out and report what came back, and judge.py holds that against
what the table expects. Namespaces of a scenario are called by one letter; `$a` in any text is the full name of `a`."""
import math
import re

GROUPS = {}


class Has:
    """Expects an object with at least these members."""

    def __init__(self, **members):
        self.members = members


class Rows:
    """Expects rows with these ids, in this order, whatever else they carry."""

    def __init__(self, ids):
        self.ids = list(ids)


class Approx:
    """Expects a number close to this one."""

    def __init__(self, value, tolerance=1e-5):
        self.value, self.tolerance = value, tolerance


class Check:
    """Expects what a function says yes to. An answer of another form, which the function trips over, is no yes."""

    def __init__(self, test, words):
        self.test, self.words = test, words

    def agrees(self, value):
        try:
            return self.test(value)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            return False


class Fails:
    """Expects an error: its status, and texts that its message contains."""

    def __init__(self, status, texts=(), attribute=None):
        self.status, self.texts, self.attribute = status, [texts] if isinstance(texts, str) else list(texts), attribute


class Raises:
    """Expects an error that the SDK finds by itself: "connection", "timeout"."""

    def __init__(self, kind):
        self.kind = kind


ANY = Check(lambda value: value is not None, "anything")
POSITIVE = Check(lambda value: type(value) in (int, float) and value > 0, "a positive number")
TEXT = Check(lambda value: isinstance(value, str) and value, "a text")
MOMENT = Check(lambda value: isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", value), "a time")


class Step:
    def __init__(self, op, ns, body, expect, **more):
        self.op, self.ns, self.body, self.expect, self.more = op, ns, body, expect, more

    def but(self, **more):
        """The same step with other options: client={...}, raw=True, save={...}."""
        self.more.update(more)
        return self


class Scenario:
    """`items`: the items of the contract's conformance list it stands for. `without`: SDKs that cannot express it (or
    "model": what the model server does not speak), and why. `usual_only`: what it says holds only while nothing has been
    indexed. `one_server`: it holds only where one server answers everything."""

    def __init__(self, name, group, steps, items=(), without=None, usual_only=False, one_server=False):
        self.name, self.group, self.steps = name, group, list(steps)
        self.items = (items,) if isinstance(items, int) else tuple(items)
        self.without, self.usual_only, self.one_server = without or {}, usual_only, one_server

    def full(self, letter):
        return f"{self.name}-{letter}"


def group(name):
    """A function that adds scenarios to a group: add = group("filters"); add("eq", step, step)."""
    def add(scenario, *steps, **options):
        assert re.fullmatch(r"[a-z0-9_]+", scenario), scenario
        assert scenario not in GROUPS, f"two scenarios are called {scenario}"
        GROUPS[scenario] = Scenario(scenario, name, steps, **options)
    return add


# Steps. Each takes the request as keywords or as a ready object, and says what must come back.

def write(request=None, /, *, ns="a", affected=None, answer=None, **members):
    expect = {"status": "OK", "message": TEXT, "billing": Has(billable_logical_bytes_written=ANY),
              "rows_affected": ANY if affected is None else affected, **(answer or {})}
    return Step("write", ns, {**(request or {}), **members}, Has(**expect))


def put(*rows, ns="a", **members):
    """Upserts rows."""
    return write({"upsert_rows": list(rows)}, ns=ns, affected=len(rows), answer={"rows_upserted": len(rows)}, **members)


PERFORMANCE = Has(cache_hit_ratio=ANY, cache_temperature=Check(lambda v: v in ("hot", "warm", "cold"), "hot, warm or cold"),
                  server_total_ms=POSITIVE, query_execution_ms=POSITIVE, exhaustive_search_count=ANY,
                  approx_namespace_size=ANY)
BILLING = Has(billable_logical_bytes_queried=ANY, billable_logical_bytes_returned=ANY)


def query(request=None, /, *, ns="a", answer=None, **members):
    return Step("query", ns, {**(request or {}), **members},
                Has(**{"billing": BILLING, "performance": PERFORMANCE, **(answer or {})}))


def rows(expected, request=None, /, **members):
    """A query that must return exactly these rows."""
    return query(request, answer={"rows": expected}, **members)


def ids(expected, request=None, /, **members):
    """A query that must return rows of these ids in this order."""
    return query(request, answer={"rows": Rows(expected)}, **members)


def found(expected, filters, ns="a"):
    """A filter must find exactly these ids."""
    return ids(expected, rank_by=["id", "asc"], limit=1000, filters=filters, ns=ns)


def all_rows(*expected, ns="a", **members):
    """Everything that is stored, with all attributes, in the order of ids."""
    return rows(list(expected), rank_by=["id", "asc"], limit=1000, include_attributes=True, ns=ns, **members)


def all_ids(*expected, ns="a"):
    return ids(expected, rank_by=["id", "asc"], limit=1000, ns=ns)


def counts(expected, request=None, /, **members):
    """A query that must return these aggregations."""
    return query(request, answer={"aggregations": expected}, **members)


def groups(expected, request=None, /, **members):
    return query(request, answer={"aggregation_groups": expected}, **members)


def multi(results, *queries, ns="a", **members):
    """A multi-query; each result is an expectation of rows, or an object with other members."""
    expected = [result if isinstance(result, (Has, dict)) else Has(rows=result) for result in results]
    return Step("multi_query", ns, {"queries": list(queries), **members},
                Has(results=expected, billing=BILLING, performance=PERFORMANCE))


def fails(status, texts, step, attribute=None):
    step.expect = Fails(status, texts, attribute)
    return step


def raw(step, headers=ANY, text=ANY):
    """The same step with the whole answer: its headers and its text too."""
    step.expect = Has(status=200, headers=headers, text=text, parsed=step.expect)
    return step.but(raw=True)


def raises(kind, step):
    step.expect = Raises(kind)
    return step


def op(name, expect=ANY, request=None, /, *, ns="a", **members):
    """The operations that need no words of their own: schema, metadata, exists, delete_all, recall, ..."""
    return Step(name, ns, {**(request or {}), **members}, expect)


def exists(expected, ns="a"):
    return op("exists", expected, ns=ns)


def delete_all(ns="a"):
    return op("delete_all", Has(status="OK"), ns=ns)


def together(*steps):
    """Steps that are sent at the same time."""
    return Step("together", None, {}, [step.expect for step in steps], steps=list(steps))


def race(test, words, *steps):
    """Steps sent at the same time, of which a test sees all outcomes: objects with `ok` or `error`."""
    return Step("together", None, {}, Check(lambda answer: test(answer["together"]), words), steps=list(steps))


def http(method, path, expect, body=None, **more):
    """A request by the SDK's own HTTP client, for what has no method: status, headers and text come back."""
    return Step("http", None, body, expect, method=method, path=path, **more)


# From the table to what runners read, and from their reports to a verdict.

def named(scenario, value):
    """The value with `$a` replaced by the full name of namespace a, in keys and texts."""
    if isinstance(value, str):
        return re.sub(r"\$([a-z])\b", lambda match: scenario.full(match[1]), value)
    if isinstance(value, dict):
        return {named(scenario, key): named(scenario, item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [named(scenario, item) for item in value]
    return value


def plain(scenario, step):
    """A step as the runners read it."""
    out = {"op": step.op, **named(scenario, {k: v for k, v in step.more.items() if k != "steps"})}
    if step.ns is not None:
        out["ns"] = scenario.full(step.ns)
    if step.body is not None:
        out["body"] = named(scenario, step.body)
    if "steps" in step.more:
        out["steps"] = [plain(scenario, inner) for inner in step.more["steps"]]
    return out


def differs(expect, got, path, scenario):
    """What is wrong with an answer, in words; None: nothing."""
    if isinstance(expect, Check):
        return None if expect.agrees(got) else f"{path}: {got!r} is not {expect.words}"
    if isinstance(expect, Approx):
        good = type(got) in (int, float) and math.isclose(got, expect.value, rel_tol=expect.tolerance, abs_tol=2e-6)
        return None if good else f"{path}: {got!r} is not about {expect.value!r}"
    if isinstance(expect, Rows):
        seen = [row.get("id") for row in got] if isinstance(got, list) else got
        return differs(expect.ids, seen, path + "[].id", scenario)
    if isinstance(expect, Has):
        if not isinstance(got, dict):
            return f"{path}: {got!r} is no object"
        wrong = [differs(value, got.get(key), f"{path}.{key}", scenario) for key, value in expect.members.items()]
        return next(filter(None, wrong), None)
    if isinstance(expect, dict):
        if not isinstance(got, dict) or set(expect) != set(got):
            return f"{path}: members {sorted(got) if isinstance(got, dict) else got!r}, expected {sorted(expect)}"
        wrong = [differs(Approx(value) if key == "$dist" and type(value) in (int, float) else value, got[key],
                         f"{path}.{key}", scenario) for key, value in expect.items()]
        return next(filter(None, wrong), None)
    if isinstance(expect, (list, tuple)):
        if not isinstance(got, list) or len(expect) != len(got):
            return f"{path}: {got!r}, expected {expect!r}"
        wrong = [differs(a, b, f"{path}[{n}]", scenario) for n, (a, b) in enumerate(zip(expect, got))]
        return next(filter(None, wrong), None)
    if isinstance(expect, str):
        expect = named(scenario, expect)
    same = expect == got and isinstance(expect, bool) == isinstance(got, bool)
    return None if same else f"{path}: {got!r}, expected {expect!r}"
