"""The best of thousands of documents are those that counting finds, with the same scores to the last bit: whatever windows
and rows a search passed over because they could not be among them.

Words are as frequent as in real texts (the one of rank r once in r), so some stand in one document and some in most;
documents that belong together lie together, and the first are the shortest, so windows differ; some are replaced and deleted after all was indexed."""
import random
import time

import numpy as np

from mola import Mola
from text_oracle import Oracle

FTS = {"tokenizer": "word_v4", "language": "english", "stemming": False, "remove_stopwords": False, "k1": 1.2, "b": 0.75, "k3": 8.0}
DOCUMENTS, WORDS, QUERIES, TOP, BATCH = 30000, 20000, 250, 10, 5000
PATH = "/v2/namespaces/texts"


def make_document(chance, number):
    topic = number // 3000 * 40
    size = (chance.choice((3, 8, 20, 60, 0)) + chance.randrange(6)) // (4 if number < 6000 else 1)
    ranks = [int(WORDS ** chance.random()) for _ in range(size)]
    return [f"w{topic + r if 50 < r < 90 else r}" for r in ranks]


def make_documents():
    seed = random.randrange(1 << 30)
    print("seed", seed)
    chance = random.Random(seed)
    return chance, [make_document(chance, n) for n in range(DOCUMENTS)]


def send(server, numbers, documents):
    status, answer, _ = server.ask("POST", PATH, {
        "upsert_columns": {"id": numbers, "text": [" ".join(documents[n]) for n in numbers]},
        "schema": {"id": "uint", "text": {"type": "string", "full_text_search": FTS}}})
    assert status == 200, answer


def wait_until_indexed(server):
    end = time.monotonic() + 60
    while server.ask("GET", "/v1/namespaces/texts/metadata")[1]["index"]["status"] != "up-to-date":
        assert time.monotonic() < end
        time.sleep(0.05)


def make_queries(chance):
    for number in range(QUERIES):
        words = [f"w{int(WORDS ** chance.random())}" for _ in range(chance.randint(1, 5))]
        if number % 10 == 0:
            words = [f"w{int(WORDS ** chance.random())}" for _ in range(chance.randint(10, 90))]
        yield words + words[:number % 3 == 0]


def check(server, documents, chance):
    oracle = Oracle(documents, FTS["k1"], FTS["b"], FTS["k3"])
    for words in make_queries(chance):
        status, answer, _ = server.ask("POST", PATH + "/query", {"rank_by": ["text", "BM25", " ".join(words)], "limit": TOP})
        assert status == 200, answer
        got = [(row["id"], float(np.float32(row["$dist"]))) for row in answer["rows"]]
        assert got == oracle.best(words, TOP), words


def test_the_best_are_those_that_counting_finds(tmp_path):
    chance, documents = make_documents()
    server = Mola(f"file:{tmp_path}/data", "--commit-window-ms", 0, "--flush-age-ms", 200)
    for first in range(0, DOCUMENTS, BATCH):
        send(server, list(range(first, first + BATCH)), documents)
        if first == DOCUMENTS // 2:
            wait_until_indexed(server)
    wait_until_indexed(server)
    check(server, documents, chance)
    # dead rows in segments, rows of the log; first as they are, then indexed
    changed = chance.sample(range(DOCUMENTS // 2), 600)
    for n in changed:
        documents[n] = make_document(chance, n) if n % 2 else []
    status, answer, _ = server.ask("POST", PATH, {"deletes": [n for n in changed if n % 2 == 0]})
    assert status == 200, answer
    send(server, [n for n in changed if n % 2], documents)
    check(server, documents, chance)
    wait_until_indexed(server)
    check(server, documents, chance)
    assert server.stop() == 0


def passes(words, operator, asked, prefix):
    """Whether a document that is these words passes a token filter."""
    if operator == "ContainsTokenSequence":
        return any(words[i:i + len(asked)] == asked for i in range(len(words)))
    found = [any(word.startswith(token) for word in words) if prefix and token is asked[-1] else token in words for token in asked]
    return any(found) if operator == "ContainsAnyToken" else all(found)


def make_filter(chance, documents):
    """(filter, the numbers of those that pass): tokens in few, in many and in no documents, together and apart."""
    operator = chance.choice(("ContainsAllTokens", "ContainsAnyToken", "ContainsTokenSequence"))
    source = documents[chance.randrange(len(documents))]
    asked = [f"w{int(WORDS ** chance.random())}" for _ in range(chance.randint(1, 3))]
    if source and chance.random() < 0.7:
        at = chance.randrange(len(source))
        asked = source[at:at + chance.randint(1, 3)]
    prefix = operator != "ContainsTokenSequence" and chance.random() < 0.2
    whole, good = ["text", operator, " ".join(asked)] + [{"last_as_prefix": True}] * prefix, {
        n for n, words in enumerate(documents) if passes(words, operator, asked, prefix)}
    if chance.random() < 0.3:
        return ["Not", whole], set(range(len(documents))) - good
    if chance.random() < 0.3:
        first, last = sorted(chance.sample(range(len(documents)), 2))
        return ["And", [whole, ["id", "Gte", first], ["id", "Lte", last]]], {n for n in good if first <= n <= last}
    if chance.random() < 0.3:
        other, more = make_filter(chance, documents)
        return ["Or", [whole, other]], good | more
    return whole, good


def test_token_filters_find_what_looking_finds(tmp_path):
    """One segment of as many windows as it takes for its dictionary to be asked, then rows that died, and rows of the log."""
    chance, documents = make_documents()
    server = Mola(f"file:{tmp_path}/data", "--commit-window-ms", 0, "--flush-age-ms", 3000)
    for first in range(0, DOCUMENTS, BATCH):
        send(server, list(range(first, first + BATCH)), documents)
    wait_until_indexed(server)
    for _ in range(2):
        for _ in range(60):
            filters, good = make_filter(chance, documents)
            status, answer, _ = server.ask("POST", PATH + "/query", {"rank_by": ["id", "asc"], "filters": filters, "limit": 10000})
            assert status == 200, answer
            assert [row["id"] for row in answer["rows"]] == sorted(good)[:10000], filters
        changed = chance.sample(range(DOCUMENTS), 500)
        for n in changed:
            documents[n] = make_document(chance, n)
        send(server, changed, documents)
    assert server.stop() == 0
