"""Embedding and reranking by a provider of the test's own: what is asked, what is made of it, and what becomes of a provider that is ill."""
import email.utils
import json
import pathlib
import subprocess
import time

import model_provider
import pytest
import turbopuffer
from model_provider import DIMENSIONS, embed
from mola import Mola, export

MODELS = ("--embedding-model", 'a/words=words-1,dims=8,document={"input_type":"document"},query={"input_type":"query"}',
          "--embedding-model", "a/plain=words-2", "--rerank-model", "a/shared=shared-1;a/voyage=v,bound=top_k,query={\"truncation\":true}",
          "--embedding-batch", "4", "--model-timeout-ms", "1500", "--rerank-candidates-max", "20")
TEXTS = ["red fox", "blue whale", "red red whale", "green fox whale"]


@pytest.fixture
def provider():
    provider = model_provider.Provider()
    yield provider
    provider.close()


@pytest.fixture
def server(store, provider):
    mola = Mola(store, "--embedding-url", provider.url, "--rerank-url", provider.url, *MODELS,
                env={"MOLA_EMBEDDING_KEY": "embedding-secret", "MOLA_RERANK_KEY": "rerank-secret"}).watched()
    yield mola
    mola.unwatched()
    assert mola.process.poll() is None and mola.stop() == 0
    assert not any("secret" in line or "fox" in line for line in mola.lines)


@pytest.fixture
def ns(server):
    return turbopuffer.Turbopuffer(api_key="k", base_url=server.base_url, max_retries=0).namespace("texts")


def fill(ns, **schema):
    return ns.write(upsert_rows=[{"id": i, "t": t, "n": i} for i, t in enumerate(TEXTS)], distance_metric="euclidean_squared",
                    schema={"t": {"type": "string", "embed": "a/words", "full_text_search": True, **schema}})


def ask(server, body, name="texts"):
    return server.ask("POST", f"/v2/namespaces/{name}/query", body)


def write(server, body, name="texts"):
    return server.ask("POST", f"/v2/namespaces/{name}", body)


def words_of(answer, status=400):
    assert answer[0] == status, answer
    return answer[1]["error"]


def near(text, limit=10, **more):
    return {"rank_by": ["t", "ANN", ["Embed", text, *more.pop("options", [])]], "limit": limit, **more}


# ---- embedding

def test_texts_become_vectors_that_outlive_the_provider(server, provider, ns):
    answer = ns.write(upsert_rows=[{"id": i, "t": t} for i, t in enumerate([*TEXTS, "red fox", "a b"])],
                      schema={"t": {"type": "string", "embed": "a/words"}}, distance_metric="euclidean_squared")
    assert answer.performance.embedding_tokens == 12 and answer.performance.embedding_ms >= 1
    path, headers, body = provider.asked[0]
    assert path == "/v1/embeddings" and headers["authorization"] == "Bearer embedding-secret"
    assert sorted(provider.texts()) == [["a b"], TEXTS]  # equal texts once, in batches
    assert body == {"model": "words-1", "input_type": "document", "encoding_format": "float", "input": body["input"]}
    server.kill()
    provider.close()
    server.start()
    rows = ns.query(rank_by=("id", "asc"), limit=10, include_attributes=True).rows
    assert [row.embed_t for row in rows] == [embed(t) for t in [*TEXTS, "red fox", "a b"]]
    schema = server.ask("GET", "/v1/namespaces/texts/schema")[1]
    assert schema["embed_t"] == {"type": f"[{DIMENSIONS}]f16", "ann": True, "filterable": False, "full_text_search": None}
    assert "embed" not in schema["t"]
    metadata = server.ask("GET", "/v1/namespaces/texts/metadata")[1]
    assert metadata["schema"]["t"]["embed"] == {"attribute": "embed_t", "model": "a/words"}


def test_questions_become_vectors(server, provider, ns):
    fill(ns)
    provider.asked.clear()
    found = ns.query(rank_by=("t", "ANN", ("Embed", "red whale")), limit=2)
    assert [(row.id, row["$dist"]) for row in found.rows] == [(2, 1.0), (0, 2.0)]
    assert found.performance.embedding_tokens == 2 and found.performance.embedding_ms >= 1
    assert provider.asked[0][2] == {"model": "words-1", "input_type": "query", "input": ["red whale"], "encoding_format": "float"}
    exact = ns.query(rank_by=("embed_t", "kNN", ("Embed", "red whale")), filters=("n", "Gte", 0), limit=2)
    assert [row.id for row in exact.rows] == [2, 0]
    other = ns.query(rank_by=("embed_t", "ANN", ("Embed", "red whale", {"model": "a/plain"})), limit=1)
    assert [row.id for row in other.rows] == [2] and provider.asked[-1][2]["model"] == "words-2"
    assert ns.query(rank_by=("id", "asc"), limit=1).performance.embedding_ms is None


def test_several_questions_are_sent_once(server, provider, ns):
    fill(ns)
    provider.asked.clear()
    answer = ns.multi_query(queries=[near("red"), near("red", compute_attributes={"d": ["embed_t", "VectorDist", ["Embed", "blue"]]})],
                            rerank_by=("RRF",), limit=3)
    assert provider.texts() in ([["red", "blue"]], [["blue", "red"]])
    assert len(answer.results[0].rows) == 3 and all(row.d >= 0 for row in answer.results[0].rows)
    status, plan, _ = server.ask("POST", "/v2/namespaces/texts/explain_query", near("red"))
    assert status == 200 and plan["plan_text"]


def test_base64_answers_are_read(server, provider, ns):
    provider.use_base64 = True
    fill(ns)
    assert [row.embed_t for row in ns.query(rank_by=("id", "asc"), limit=9, include_attributes=True).rows] == [embed(t) for t in TEXTS]


def test_columns_conditions_and_rows_with_their_own_vector(server, provider, ns):
    own = [1.0] * DIMENSIONS
    ns.write(upsert_columns={"id": [1, 2], "t": ["red fox", None], "embed_t": [None, own]},
             schema={"t": {"type": "string", "embed": {"model": "a/words", "dtype": "f32"}}}, distance_metric="cosine_distance")
    ns.write(upsert_rows=[{"id": 1, "t": "never seen"}], upsert_condition=("t", "Eq", "x"))
    assert provider.texts() == [["red fox"], ["never seen"]]  # embedded before its condition is known
    rows = ns.query(rank_by=("id", "asc"), limit=9, include_attributes=True).rows
    assert [row.embed_t for row in rows] == [embed("red fox"), own]
    assert server.ask("GET", "/v1/namespaces/texts/schema")[1]["embed_t"]["type"] == f"[{DIMENSIONS}]f32"


def test_existing_vectors_and_other_dimensions(server, provider):
    schema = {"t": {"type": "string", "embed": {"model": "a/words", "attribute": "v"}}, "v": {"type": "[8]f32", "ann": True},
              "u": {"type": "string", "embed": {"model": "a/words", "dims": 4}}}
    assert write(server, {"upsert_rows": [{"id": 1, "t": "red fox", "u": "fox"}], "schema": schema, "distance_metric": "cosine_distance"})[0] == 200
    rows, _ = export(server, "texts")
    assert rows[0]["v"] == embed("red fox") and rows[0]["embed_u"] == embed("fox", 4)
    assert {body.get("dimensions") for _, _, body in provider.asked} == {None, 4}


@pytest.mark.parametrize("schema, words", [
    ({"t": {"type": "string", "embed": "a/unknown"}}, 'embedding model "a/unknown" is not configured on this server; known are: a/words, a/plain'),
    ({"t": {"type": "string", "embed": "a/plain"}}, "are not known to this server: give `dims`"),
    ({"t": {"type": "string", "embed": {"model": "a/words", "dims": 0}}}, "embed.dims must be between 1 and 10752"),
    ({"t": {"type": "string", "embed": {"model": "a/words", "dtype": "i8"}}}, "embed.dtype must be f16 or f32"),
    ({"t": {"type": "string", "embed": {"model": "a/words", "attribute": "$x"}}}, "invalid attribute name `$x`"),
    ({"t": {"type": "string", "embed": {"model": "a/words", "attribute": "t"}}}, "cannot be embedded into 't' of type string"),
    ({"t": {"type": "int", "embed": "a/words"}}, "embed needs type string, got int"),
    ({"t": {"type": "[]string", "embed": "a/words"}}, "embed needs type string, got []string"),
    ({"t": {"type": "string", "embed": {"model": "a/words", "attribute": "v"}}, "v": {"type": "[8]i8", "ann": True}}, "of type [8]i8"),
    ({"t": {"type": "string", "embed": {"model": "a/words", "attribute": "v", "dims": 9}}, "v": {"type": "[8]f32", "ann": True}}, "of type [8]f32"),
    ({n: {"type": "string", "embed": {"model": "a/words", "attribute": "v"}} for n in "tu"}, "another attribute is embedded into 'v'"),
    ({n: {"type": "string", "embed": "a/words"} for n in "abcde"}, "at most 4 embedded attributes"),
])
def test_definitions_that_cannot_be(server, provider, schema, words):
    body = {"upsert_rows": [{"id": 1, **{name: "x" for name in schema if name != "v"}}], "schema": schema, "distance_metric": "cosine_distance"}
    assert words in words_of(write(server, body))
    assert server.ask("GET", "/v1/namespaces/texts/metadata")[0] == 404 and not provider.asked


@pytest.mark.parametrize("embedding", [3, True, [], {}, {"model": 3}, {"model": "a/words", "dims": "8"}, {"model": "a/words", "dims": -1},
                                       {"model": "a/words", "attribute": 1}, {"model": "a/words", "dtype": 16}])
def test_definitions_of_another_form(server, embedding):
    body = {"upsert_rows": [{"id": 1, "t": "x"}], "schema": {"t": {"type": "string", "embed": embedding}}, "distance_metric": "cosine_distance"}
    assert write(server, body)[0] == 422


def test_an_embedding_is_removed_and_added_but_not_changed(server, provider, ns):
    fill(ns)
    again = {"schema": {"t": {"type": "string", "embed": {"model": "a/words", "attribute": "embed_t"}}}}
    assert write(server, again)[0] == 200
    assert "cannot be changed" in words_of(write(server, {"schema": {"t": {"type": "string", "embed": "a/plain"}}}))
    assert "cannot be dropped" in words_of(write(server, {"schema": {"t": {"drop": True}}}))
    assert "is embedded and cannot be patched" in words_of(write(server, {"patch_rows": [{"id": 1, "t": "x"}]}))
    assert "is embedded and cannot be patched" in words_of(write(server, {"patch_columns": {"id": [1], "t": ["x"]}}))
    assert "is embedded and cannot be patched" in words_of(write(server, {"patch_by_filter": {"filters": ["n", "Eq", 1], "patch": {"t": "x"}}}))
    assert write(server, {"patch_rows": [{"id": 1, "n": 7}]})[0] == 200
    before, _ = export(server, "texts")
    provider.asked.clear()
    assert server.ask("POST", "/v1/namespaces/texts/schema", {"t": {"type": "string", "embed": None}})[0] == 200
    assert "embed" not in server.ask("GET", "/v1/namespaces/texts/metadata")[1]["schema"]["t"]
    assert "missing the vector attribute" in words_of(write(server, {"upsert_rows": [{"id": 9, "t": "x"}]}))
    assert "is not embedded" in words_of(ask(server, near("x")))
    assert "Embed needs a model" in words_of(ask(server, {"rank_by": ["embed_t", "ANN", ["Embed", "x"]], "limit": 1}))
    assert write(server, {"patch_rows": [{"id": 1, "t": "patched"}]})[0] == 200
    assert server.ask("POST", "/v1/namespaces/texts/schema", again["schema"])[0] == 200
    assert not provider.asked  # nothing is embedded anew
    rows, _ = export(server, "texts")
    assert [row["embed_t"] for row in rows] == [row["embed_t"] for row in before]
    assert "vector attributes cannot be added" in words_of(write(server, {"schema": {"u": {"type": "string", "embed": "a/words"}}}))


def test_rows_that_cannot_be_embedded(server, provider, ns):
    fill(ns)
    before, seq = export(server, "texts")
    provider.asked.clear()
    for row in ({"id": 9}, {"id": 9, "t": None}, {"id": 9, "t": ""}):
        assert "must be a non-empty string" in words_of(write(server, {"upsert_rows": [{"id": 8, "t": "x"}, row]}))
    assert "at most 30 rows" in words_of(write(server, {"upsert_rows": [{"id": i, "t": f"t{i}"} for i in range(31)]}))
    assert not provider.asked and export(server, "texts") == (before, seq)
    assert write(server, {"upsert_rows": [{"id": i, "t": f"t{i}"} for i in range(30)]})[0] == 200


def test_questions_that_cannot_be(server, provider, ns):
    fill(ns)
    provider.asked.clear()
    for operand in (["Embed"], ["Embed", 3], ["Embed", "x", "y"], ["Embed", "x", {}, {}], ["Embed", "x", {"model": 3}]):
        assert "Embed takes a text" in words_of(server.ask("POST", "/v2/namespaces/texts/query", {"rank_by": ["t", "ANN", operand], "limit": 1}), 400)
    assert "must not be empty" in words_of(ask(server, near("")))
    assert 'embedding model "b" is not configured' in words_of(ask(server, near("x", options=[{"model": "b"}])))
    assert "is not a vector attribute" in words_of(ask(server, {"rank_by": ["n", "ANN", ["Embed", "x"]], "limit": 1}))
    assert "not found in schema" in words_of(ask(server, {"rank_by": ["u", "ANN", ["Embed", "x"]], "limit": 1}))
    assert not provider.asked


def test_another_server_learns_of_an_embedding_by_itself(store, provider):
    flags = ("--embedding-url", provider.url, *MODELS[:4])
    first, second = Mola(store, *flags), Mola(store, *flags)
    body = {"upsert_rows": [{"id": 1, "t": "red fox"}], "schema": {"t": {"type": "string", "embed": "a/words"}}, "distance_metric": "cosine_distance"}
    assert write(first, {"upsert_rows": [{"id": 1, "t": "x", "embed_t": [1.0] * 8}], "distance_metric": "cosine_distance",
                         "schema": {"embed_t": {"type": "[8]f16", "ann": True}}})[0] == 200
    assert write(second, {"upsert_rows": [{"id": 2, "t": "y", "embed_t": [1.0] * 8}]})[0] == 200  # it knows the name now
    assert write(first, body)[0] == 200
    statuses = [write(second, {"upsert_rows": [{"id": 3, "t": "blue"}]})[0] for _ in range(2)]
    assert statuses in ([200, 200], [503, 200])
    rows, _ = export(first, "texts")
    assert [row["embed_t"] for row in rows] == [embed("red fox"), [1.0] * 8, embed("blue")]
    assert first.stop() == second.stop() == 0


# ---- reranking

RERANK = {"model": "a/shared", "attribute": "t", "query": "red whale fox"}


def test_candidates_are_put_in_the_order_of_the_model(server, provider, ns):
    fill(ns)
    ns.write(upsert_rows=[{"id": 8, "n": 8, "embed_t": [0.0] * 8}, {"id": 7, "n": 7, "embed_t": [0.0] * 8}])
    provider.asked.clear()
    answer = ns.query(rank_by=("n", "desc"), limit=5, include_attributes=["t"], rerank_by=RERANK)
    assert [(row.id, row["$dist"]) for row in answer.rows] == [(2, 0.5), (3, 0.5), (1, 0.25), (8, 0.0), (7, 0.0)]
    assert [getattr(row, "t", None) for row in answer.rows] == [TEXTS[2], TEXTS[3], TEXTS[1], None, None]
    (path, headers, body), = provider.asked
    assert path == "/v1/rerank" and headers["authorization"] == "Bearer rerank-secret"
    assert body == {"model": "shared-1", "query": RERANK["query"], "documents": TEXTS[:0:-1], "top_n": 3, "return_documents": False}
    status, raw, _ = ask(server, {"rank_by": ["t", "BM25", "whale"], "limit": 2, "offset": 1, "exclude_attributes": ["n"],
                                  "rerank_by": {**RERANK, "model": "a/voyage"}})
    assert status == 200 and len(raw["rows"]) == 2 and raw["performance"]["rerank_ms"] >= 1
    assert provider.asked[-1][2]["top_k"] == 2 and provider.asked[-1][2]["truncation"] is True and "top_n" not in provider.asked[-1][2]


def test_the_queries_of_a_multi_query_are_reranked_together(server, provider, ns):
    fill(ns)
    provider.asked.clear()
    queries = [{"rank_by": ["t", "BM25", "fox"], "limit": 9, "include_attributes": ["t"]},
               {"rank_by": ["t", "ANN", ["Embed", "blue whale"]], "limit": 4, "include_attributes": True}]
    status, answer, _ = ask(server, {"queries": queries, "rerank_by": RERANK})
    (result,), rows = answer["results"], answer["results"][0]["rows"]
    assert status == 200 and set(result) == {"rows"}
    assert [(row["id"], row["$dist"]) for row in rows] == [(0, 0.5), (2, 0.5), (3, 0.5), (1, 0.25)]
    assert [row["n"] for row in rows] == [0, 2, 3, 1]  # of the second query
    assert len(provider.texts()[-1]) == 4 and set(answer["performance"]) >= {"embedding_ms", "rerank_ms"}
    status, cut, _ = ask(server, {"queries": queries, "rerank_by": RERANK, "limit": 2, "offset": 1})
    assert cut["results"][0]["rows"] == rows[1:3]
    status, one, _ = ask(server, {"queries": queries[:1], "rerank_by": RERANK, "limit": {"total": 1}})
    assert status == 200 and len(one["results"][0]["rows"]) == 1


def test_nobody_is_asked_about_nothing(server, provider, ns):
    fill(ns)
    ns.write(upsert_rows=[{"id": 9, "embed_t": [0.0] * 8}])
    provider.asked.clear()
    for filters, count in ((["id", "Eq", 99], 0), (["id", "Eq", 9], 1)):
        status, answer, _ = ask(server, {"rank_by": ["id", "asc"], "filters": filters, "limit": 9, "include_attributes": ["t"], "rerank_by": RERANK})
        assert status == 200 and len(answer["rows"]) == count
    assert not provider.asked


@pytest.mark.parametrize("change, words", [
    ({"model": "a/words"}, 'rerank model "a/words" is not configured on this server; known are: a/shared, a/voyage'),
    ({"query": ""}, "rerank_by.query must not be empty"),
    ({"query": "ä" * 8193}, "at most 8192 characters"),
    ({"attribute": "u"}, "attribute `u` not found in schema"),
    ({"attribute": "n"}, "must be of type string"),
    ({"attribute": "s"}, "attribute `s` is used in rerank_by and must be included in `include_attributes`"),
])
def test_rerankings_that_cannot_be(server, provider, ns, change, words):
    fill(ns)
    assert write(server, {"patch_rows": [{"id": 1, "s": "x"}]})[0] == 200
    provider.asked.clear()
    body = {"rank_by": ["id", "asc"], "limit": 9, "include_attributes": ["t", "n"], "rerank_by": {**RERANK, **change}}
    assert words in words_of(server.ask("POST", "/v2/namespaces/texts/query", body))
    for queries in ([body], [body, body]):
        queries = [{k: v for k, v in q.items() if k != "rerank_by"} for q in queries]
        assert words in words_of(server.ask("POST", "/v2/namespaces/texts/query", {"queries": queries, "rerank_by": body["rerank_by"]}))
    assert not provider.asked


def test_further_rerankings_that_cannot_be(server, provider, ns):
    fill(ns)
    shown = {"rank_by": ["id", "asc"], "limit": 9, "include_attributes": True}
    assert "aggregation" in words_of(ask(server, {"queries": [shown, {"aggregate_by": {"c": ["Count"]}}], "rerank_by": RERANK}))
    assert "requires rerank_by and limit" in words_of(ask(server, {"queries": [shown], "rerank_by": RERANK, "offset": 1}))
    assert "must be included" in words_of(ask(server, {**shown, "include_attributes": False, "rerank_by": RERANK}))
    assert "must be included" in words_of(ask(server, {"rank_by": ["id", "asc"], "limit": 9, "exclude_attributes": ["t"], "rerank_by": RERANK}))
    assert write(server, {"upsert_rows": [{"id": i, "t": f"t {i}", "embed_t": [0.0] * 8} for i in range(21)]})[0] == 200
    assert "21 rows are to be reranked, the limit is 20" in words_of(ask(server, {**shown, "limit": 99, "rerank_by": RERANK}))
    assert ask(server, {**shown, "limit": 20, "rerank_by": RERANK})[0] == 200


# ---- a provider that is ill

def first(answer, **changed):
    return {**answer, "data": [{**answer["data"][0], **changed}, *answer["data"][1:]]}


NONSENSE = {
    "no JSON": (lambda a: b"<html>down</html>", "is not JSON"),
    "no list": (lambda a: {"data": None}, "no list `data`"),
    "too few": (lambda a: {**a, "data": a["data"][1:]}, "elements for 4 texts"),
    "too many": (lambda a: {**a, "data": [*a["data"], a["data"][0]]}, "5 elements for 4 texts"),
    "one twice": (lambda a: {**a, "data": [a["data"][1], *a["data"][1:]]}, "is there twice"),
    "an index beyond": (lambda a: first(a, index=4), "beyond what was sent"),
    "other dimensions": (lambda a: first(a, embedding=[1.0] * 9), "it returned 9 dimensions, the attribute has 8"),
    "NaN": (lambda a: first(a, embedding=[float("nan")] * 8), "is not JSON"),
    "infinite": (lambda a: first(a, embedding=[1e39] * 8), "is not a list of finite numbers"),
    "beyond f16": (lambda a: first(a, embedding=[1e5] * 8), "vector element out of range"),
    "a text": (lambda a: first(a, embedding="????"), "is not a list of finite numbers"),
}


@pytest.mark.parametrize("kind", NONSENSE)
def test_nonsense_is_not_believed(server, provider, ns, kind):
    fill(ns)
    before, seq = export(server, "texts")
    change, words = NONSENSE[kind]
    provider.ills = [provider.instead(change)]
    assert words in words_of(write(server, {"upsert_rows": [{"id": i, "t": f"new {i}"} for i in range(4)]}))
    assert export(server, "texts") == (before, seq)
    assert write(server, {"upsert_rows": [{"id": 9, "t": "new"}]})[0] == 200


@pytest.mark.parametrize("change", [lambda a: {"results": a["results"][1:]}, lambda a: {"results": [a["results"][0]] * 4},
                                    lambda a: {"results": [{**r, "relevance_score": None} for r in a["results"]]}, lambda a: b"{"])
def test_nonsense_of_a_reranker_is_not_believed(server, provider, ns, change):
    fill(ns)
    provider.ills = [provider.instead(change)]
    query = {"rank_by": ["id", "asc"], "limit": 9, "include_attributes": True, "rerank_by": RERANK}
    assert "makes no sense" in words_of(ask(server, query))
    assert ask(server, query)[0] == 200


def test_what_passes_is_tried_again(server, provider, ns):
    fill(ns)
    provider.asked.clear()
    provider.ills = [provider.status(503), provider.cut()]
    assert ask(server, near("red"))[0] == 200 and len(provider.asked) == 3
    provider.ills = [provider.status(429, Retry_After="1")]
    began = time.monotonic()
    assert ask(server, near("red"))[0] == 200 and time.monotonic() - began >= 1
    for seconds in 1, -60:  # as a date, which counts from the Date of the answer; one that is over asks for no rest
        provider.ills = [lambda handler, answer: provider.say(handler, b"", 503, Retry_After=email.utils.formatdate(
            int(time.time()) + seconds, usegmt=True))]
        began = time.monotonic()
        assert ask(server, near("red"))[0] == 200 and (time.monotonic() - began >= 1) == (seconds > 0)


def test_a_provider_with_a_certificate_of_its_own(store, tmp_path):
    pem = tmp_path / "provider.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", pem, "-out", f"{pem}.crt"], check=True, stderr=subprocess.DEVNULL)
    pem.write_text(pem.read_text() + pathlib.Path(f"{pem}.crt").read_text())
    provider = model_provider.Provider(pem)
    for flags, status in (("--model-ca-file", f"{pem}.crt"), 200), ((), 503):
        mola = Mola(store, "--embedding-url", provider.url, *MODELS[:2], *flags)
        assert write(mola, {"upsert_rows": [{"id": 1, "t": "red fox"}],
                            "distance_metric": "euclidean_squared", "schema": {"t": {"type": "string", "embed": "a/words"}}})[0] == status
        assert mola.stop() == 0
    provider.close()


def test_what_does_not_pass_is_told(server, provider, ns):
    fill(ns)
    before, seq = export(server, "texts")
    new = {"upsert_rows": [{"id": 9, "t": "new"}]}
    provider.ills = [provider.status(429, Retry_After="77")]
    status, body, fields = write(server, new)
    assert status == 429 and fields["retry-after"] == "77" and "too much to do" in body["error"]
    provider.ills = [provider.status(500)] * 3
    status, body, fields = write(server, new)
    assert status == 503 and int(fields["retry-after"]) >= 1 and "failed (status 500)" in body["error"]
    provider.ills = [provider.cut()] * 3
    assert "did not answer in time" in words_of(write(server, new), 503)
    provider.ills = [provider.silent(4)]
    began = time.monotonic()
    assert "did not answer in time" in words_of(write(server, new), 503) and 1.4 < time.monotonic() - began < 3.5
    provider.ills = [provider.endless()]
    assert "larger than it can be" in words_of(write(server, new))
    provider.ills = [provider.status(400, json.dumps({"error": {"message": "too long " * 99}}).encode())]
    words = words_of(write(server, new))
    assert "refused the request (status 400): too long" in words and len(words) < 300
    provider.ills = [provider.status(401, b'{"error": "wrong key embedding-secret"}')]
    words = words_of(write(server, new))
    assert "does not accept this server's key (status 401)" in words and "secret" not in words
    provider.ills = [provider.status(302, Location="http://127.0.0.1:1/")]
    assert "refused the request (status 302)" in words_of(write(server, new))
    assert export(server, "texts") == (before, seq)
    provider.close()
    assert "did not answer in time" in words_of(ask(server, near("red")), 503)
    assert ask(server, {"rank_by": ["id", "asc"], "limit": 1})[0] == 200
    counts = server.metrics()
    assert counts["mola_model_failures_total"] >= 9 and counts["mola_model_timeouts_total"] >= 1
    assert counts["mola_model_texts_embedded_total"] == 4 and counts["mola_model_retries_total"] >= 4


@pytest.mark.parametrize("path, body", [
    ("/v2/namespaces/texts/query", {"rank_by": ["id", "asc"], "limit": 1, "include_attributes": True,
                                    "rerank_by": {"model": "m", "attribute": "t", "query": "x"}}),
    ("/v2/namespaces/other", {"upsert_rows": [{"id": 1, "t": "x"}], "schema": {"t": {"type": "string", "embed": "e"}},
                              "distance_metric": "cosine_distance"})])
def test_a_server_stops_while_a_provider_is_silent(store, provider, path, body):
    mola = Mola(store, "--rerank-url", provider.url, "--rerank-model", "m=m", "--embedding-url", provider.url, "--embedding-model", "e=e,dims=8",
                "--model-timeout-ms", "60000", "--drain-seconds", "0")
    assert write(mola, {"upsert_rows": [{"id": 1, "t": "x"}]})[0] == 200
    provider.ills = [provider.silent(50)]
    import http.client
    connection = http.client.HTTPConnection("127.0.0.1", mola.port, timeout=30)
    connection.request("POST", path, json.dumps(body))
    deadline = time.monotonic() + 20
    while not provider.asked and time.monotonic() < deadline:
        time.sleep(0.01)
    began = time.monotonic()
    assert mola.stop() in (0, 3) and time.monotonic() - began < 15
    connection.close()


def test_too_many_wait_for_models(store, provider):
    mola = Mola(store, "--rerank-url", provider.url, "--rerank-model", "m=m", "--model-calls-max", "1")
    assert write(mola, {"upsert_rows": [{"id": 1, "t": "x"}]})[0] == 200
    body = {"rank_by": ["id", "asc"], "limit": 1, "include_attributes": True, "rerank_by": {"model": "m", "attribute": "t", "query": "x"}}
    import threading
    hold, answers = threading.Event(), []

    def wait(handler, answer):
        hold.wait(20)
        provider.say(handler, answer)

    provider.ills = [wait]
    thread = threading.Thread(target=lambda: answers.append(ask(mola, body)[0]))
    thread.start()
    deadline = time.monotonic() + 20
    while not provider.asked and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "too many requests to models" in words_of(ask(mola, body), 429)
    hold.set()
    thread.join()
    assert answers == [200] and ask(mola, body)[0] == 200 and mola.stop() == 0


# ---- nobody is configured

def test_without_a_provider(store, provider):
    flags = ("--embedding-url", provider.url, *MODELS[:4])
    mola = Mola(store, *flags)
    assert write(mola, {"upsert_rows": [{"id": 1, "t": "red fox"}], "schema": {"t": {"type": "string", "embed": "a/words"}},
                        "distance_metric": "cosine_distance"})[0] == 200
    assert "set --rerank-url" in words_of(ask(mola, {"rank_by": ["id", "asc"], "limit": 1, "include_attributes": True, "rerank_by": RERANK}))
    assert mola.stop() == 0
    mola.flags = ()
    mola.start()
    gone = 'native embedding is not enabled on this server: set --embedding-url (attribute "t", model "a/words")'
    assert words_of(write(mola, {"upsert_rows": [{"id": 2, "t": "blue"}]})) == gone
    assert write(mola, {"upsert_rows": [{"id": 2, "t": "blue", "embed_t": [1.0] * 8}],
                        "schema": {"t": {"type": "string", "embed": "a/words"}}})[0] == 200
    assert words_of(ask(mola, near("x"))) == "native embedding is not enabled on this server: set --embedding-url"
    assert ask(mola, {"rank_by": ["embed_t", "ANN", embed("red fox")], "limit": 1})[1]["rows"][0]["id"] == 1
    assert write(mola, {"schema": {"t": {"type": "string", "embed": None}}})[0] == 200
    assert mola.stop() == 0


def test_copies_and_branches_go_on_embedding(server, provider, ns):
    fill(ns)
    for how in ("copy_from_namespace", "branch_from_namespace"):
        assert write(server, {how: "texts"}, how)[0] == 200
        assert write(server, {"upsert_rows": [{"id": 9, "t": "green"}]}, how)[0] == 200
        assert ask(server, near("green", 1), how)[1]["rows"][0]["id"] == 9
