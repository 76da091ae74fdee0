"""Stores with segments for the tests that break things: rows, the questions about them, and the commands."""
import os
import pathlib
import random
import shutil
import subprocess

from mola import BINARY, Mola

# Thresholds of next to nothing and waits as short as they can be; a store is only worked on with one fence.
FENCE = ["--fence-seconds", "1"]
EAGER = [*FENCE, "--flush-rows", "1", "--flush-bytes", "1K", "--flush-age-ms", "1", "--retention-seconds", "0",
         "--gc-floor-age-seconds", "0"]
COMMAND_SECONDS = 120
DIMS = 16


def run(*arguments, env=None, wrapper=()):
    """`mola index` and the like, to its end: (exit status, what it said)."""
    done = subprocess.run([*wrapper, BINARY, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=COMMAND_SECONDS, env={**os.environ, **(env or {})})
    return done.returncode, done.stdout


def index_once(store, *flags, env=None):
    return run("index", "--once", "--store", store, *EAGER, *flags, env=env)


def must_index(store, *flags):
    status, said = index_once(store, *flags)
    assert status == 0, said


def fsck(store, *names):
    """What it said; fails when it found damage."""
    status, said = run("fsck", *names, "--store", store)
    assert status == 0, said
    return said


def serve(store, *flags, **more):
    return Mola(store, *FENCE, "--indexer", "off", *flags, **more)


def copy(prepared, target):
    shutil.copytree(prepared, target)
    return f"file:{target}"


def objects(store):
    """Keys of all objects, from the files of a file: store."""
    root = pathlib.Path(store.removeprefix("file:"), "o")
    return {str(path.relative_to(root)): path for path in root.rglob("*%o") if path.is_file()}


# ---- rows

SCHEMA = {"schema": {"v": {"type": f"[{DIMS}]f32", "ann": True}, "body": {"type": "string", "filterable": False},
                     "when": "datetime", "price": "float", "tags": "[]string"}, "distance_metric": "euclidean_squared"}


def row(chance, number, bulk=600):
    """A document; `bulk` bytes of it cannot be compressed, so that segments get keys of their own."""
    return {"id": number, "v": [chance.randrange(-64, 64) / 8 for _ in range(DIMS)],
            "n": chance.randrange(1000), "price": chance.randrange(1 << 20) / 64, "kind": f"kind {chance.randrange(8)}",
            "when": f"2026-{chance.randrange(1, 13):02d}-{chance.randrange(1, 29):02d}T00:00:00.000000000Z",
            "open": chance.random() < 0.5, "tags": [f"t{chance.randrange(12)}" for _ in range(chance.randrange(4))],
            "body": chance.randbytes(bulk // 2).hex()}


def write(server, name, **body):
    status, answer, _ = server.ask("POST", f"/v2/namespaces/{name}", {**SCHEMA, **body})
    assert status == 200, answer


def write_batch(server, name, seed, ids, bulk=600):
    """Upserts, then patches and deletions among them."""
    chance = random.Random(seed)
    write(server, name, upsert_rows=[row(chance, i, bulk) for i in ids])
    patched, deleted = chance.sample(ids, len(ids) // 10), chance.sample(ids, len(ids) // 20)
    write(server, name, patch_rows=[{"id": i, "n": 5000 + i} for i in patched if i not in deleted], deletes=deleted)


# ---- questions

def questions(chance):
    near = [chance.randrange(-64, 64) / 8 for _ in range(DIMS)]
    return [{"rank_by": ["id", "asc"], "limit": 10000, "include_attributes": True},
            *({"filters": ["id", "Eq", i], "rank_by": ["id", "asc"], "limit": 1, "include_attributes": ["n", "tags"]}
              for i in (0, 7, 333, 100000)),
            {"filters": ["kind", "Eq", "kind 3"], "rank_by": ["price", "desc"], "limit": 20, "include_attributes": ["price"]},
            {"filters": ["n", "Gte", 700], "rank_by": ["when", "asc"], "limit": 50, "include_attributes": ["when"]},
            {"filters": ["And", [["tags", "Contains", "t3"], ["open", "Eq", True]]], "rank_by": ["id", "desc"], "limit": 30},
            {"filters": ["n", "Lt", 500], "aggregate_by": {"many": ["Count"]}},
            {"filters": ["kind", "In", ["kind 1", "kind 6"]], "rank_by": ["v", "kNN", near], "limit": 25}]


def ask(server, name, seed=5):
    """The answers to the questions: what must not change, whatever happens below."""
    found = []
    for question in questions(random.Random(seed)):
        status, body, _ = server.ask("POST", f"/v2/namespaces/{name}/query", question)
        assert status == 200, (question, body)
        found.append(body.get("rows", body.get("aggregations")))
    return found


def ask_all(server):
    names = [n["id"] for n in server.ask("GET", "/v1/namespaces")[1]["namespaces"]]
    return {name: ask(server, name) for name in names}
