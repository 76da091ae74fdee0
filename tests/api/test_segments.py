"""mola index, mola fsck and mola dump: what they say, and how they end, also about stores that are damaged."""
import random
import re

import pytest
from segment_store import ask_all, copy, fsck, index_once, must_index, objects, row, run, serve, write, write_batch


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A store whose large namespace has segments, delete vectors and a log; the answers."""
    root = tmp_path_factory.mktemp("prepared")
    store = f"file:{root}/data"
    server = serve(store)
    for n, name in enumerate(("large", "tiny")):
        write_batch(server, name, n, range(300), 1500 if name == "large" else 20)
    must_index(store, "--merge-fan-in", 64)
    write_batch(server, "large", 7, range(150, 450), 1500)
    must_index(store, "--merge-fan-in", 64)
    write(server, "large", upsert_rows=[row(random.Random(9), 9000)])
    answers = ask_all(server)
    assert server.stop() == 0
    return root / "data", answers


def test_an_index_that_is_done_changes_nothing(prepared, tmp_path):
    store = copy(prepared[0], tmp_path / "data")
    must_index(store)
    before = {key: path.read_bytes() for key, path in objects(store).items()}
    must_index(store)
    assert {key: path.read_bytes() for key, path in objects(store).items()} == before


def test_answers_are_the_same_with_and_without_segments(prepared, tmp_path):
    store = copy(prepared[0], tmp_path / "data")
    for flags in (["--merge-fan-in", "64"], ["--merge-fan-in", "2"]):
        must_index(store, *flags)
        server = serve(store)
        assert ask_all(server) == prepared[1]
        assert server.stop() == 0
        fsck(store)


def test_every_object_can_be_dumped(prepared):
    store = f"file:{prepared[0]}"
    kinds = set()
    for path in objects(store):
        key = path.removesuffix("%o")
        status, said = run("dump", key, "--store", store)
        assert status == 0 and said.strip(), (key, said)
        kinds.add(key.split("/")[0] if key.startswith(("ns/", "q/")) else key.split("/")[2])
    assert kinds >= {"ns", "w", "s", "x"}
    assert run("dump", "ns/nobody", "--store", store)[0] == 1
    assert run("dump", "--store", store)[0] == 2


def test_fsck_looks_at_one_name_or_all(prepared):
    store = f"file:{prepared[0]}"
    assert "large" in fsck(store) and "tiny" in fsck(store)
    assert "tiny" not in fsck(store, "large")
    assert run("fsck", "nobody", "--store", store)[0] == 1


def damage(path, how, chance):
    image = bytearray(path.read_bytes())
    if how == "flipped":
        image[chance.randrange(len(image) // 2)] ^= 1 << chance.randrange(8)
    else:
        del image[len(image) // 2:]
    path.write_bytes(image)


@pytest.mark.parametrize("how", ["flipped", "cut", "gone"])
def test_fsck_finds_every_damaged_object_that_is_referred_to(prepared, tmp_path, how):
    chance = random.Random(6)
    store = copy(prepared[0], tmp_path / "data")
    must_index(store, "--merge-fan-in", 64)
    retired = re.findall(r"^retired (\S+) ", run("dump", "ns/large", "--store", store)[1], re.M)
    assert retired
    missed = []
    for key, path in objects(store).items():
        if key.startswith("q/") or "/w/" in key or any(place in key for place in retired) or \
                (how == "gone" and key.startswith("ns/")):
            continue  # hints, what is indexed already, what is waiting for the collector, a name that was never there
        whole = path.read_bytes()
        damage(path, how, chance) if how != "gone" else path.unlink()
        status, said = run("fsck", "--store", store)
        if status != 1:
            missed.append((key, status, said[-300:]))
        path.write_bytes(whole)
    assert not missed
    fsck(store)


def test_damage_is_an_error_of_that_query_and_heals_with_the_object(prepared, tmp_path):
    """A segment that cannot be read never becomes a wrong answer."""
    store = copy(prepared[0], tmp_path / "data")
    must_index(store, "--merge-fan-in", 64)
    everything = {"rank_by": ["id", "asc"], "limit": 10000, "include_attributes": True}
    seen = set()
    for key, path in objects(store).items():
        if "/s/" not in key and "/x/" not in key:
            continue
        whole = path.read_bytes()
        damage(path, "flipped", random.Random(1))
        server = serve(store)
        status, body, _ = server.ask("POST", "/v2/namespaces/large/query", everything)
        seen.add(status)
        assert status in (500, 503) or body["rows"] == prepared[1]["large"][0]
        path.write_bytes(whole)
        server.kill()
        server.start()
        assert ask_all(server) == prepared[1]
        assert server.stop() == 0
    assert seen & {500, 503}


def test_texts_are_found_the_same_with_and_without_postings(tmp_path):
    """In the log, in segments from before the attribute became searchable, and in segments with postings."""
    chance = random.Random(12)
    words = ["walrus", "tusk", "river", "moon", "salt", "running", "runs", "fox", "ice"]
    rows = [{"id": i, "text": " ".join(chance.choices(words, weights=range(9, 0, -1), k=chance.randrange(1, 30))) + " x" * (i % 3),
             "n": i % 5, "bulk": chance.randbytes(200).hex()} for i in range(900)]
    plain = {"bulk": {"type": "string", "filterable": False}}
    searchable = {**plain, "text": {"type": "string", "full_text_search": {"stemming": True, "language": "english"}}}
    queries = [{"rank_by": ["text", "BM25", "running walrus"], "limit": 40},
               {"rank_by": ["Sum", [["text", "BM25", "ice"], ["Product", 0.5, ["text", "BM25", "moon fox"]]]], "limit": 40,
                "filters": ["n", "Lt", 3]},
               {"rank_by": ["id", "asc"], "limit": 900, "filters": ["text", "ContainsAllTokens", "tusk salt run"]},
               {"rank_by": ["id", "asc"], "limit": 900, "filters": ["text", "ContainsTokenSequence", "moon salt"]}]

    def answers(server, name):
        found = [server.ask("POST", f"/v2/namespaces/{name}/query", query) for query in queries]
        assert all(status == 200 for status, _, _ in found), found
        assert all(body["rows"] for _, body, _ in found)
        return [body["rows"] for _, body, _ in found]

    def write(server, name, **body):
        status, answer, _ = server.ask("POST", f"/v2/namespaces/{name}", body)
        assert status == 200, answer

    store = f"file:{tmp_path}/data"
    server = serve(store)
    write(server, "log", upsert_rows=rows, schema=searchable)
    wanted = answers(server, "log")
    for name, schema in (("before", plain), ("with", searchable)):
        write(server, name, upsert_rows=rows, schema=schema)
        write(server, name, deletes=[3, 4, 5], upsert_rows=rows[:3])
        write(server, name, upsert_rows=rows[3:6])
    assert server.stop() == 0
    must_index(store)
    server = serve(store)
    assert server.ask("POST", "/v1/namespaces/before/schema", {"text": searchable["text"]})[0] == 200
    for name in ("log", "before", "with"):
        assert answers(server, name) == wanted, name
    assert server.stop() == 0
    must_index(store)
    server = serve(store)
    for name in ("log", "before", "with"):
        assert answers(server, name) == wanted, name
    assert server.stop() == 0
    fsck(store)
