"""Text: scores by a dumb oracle, analysis, token filters, prefixes, highlights. All of it is the group `text`."""
import math

from dsl import Approx, Check, Has, Rows, all_ids, fails, found, group, ids, multi, op, put, query, rows, write

add = group("text")


def full(**options):
    return {"type": "string", "full_text_search": options or True}


def bm25(documents, terms, k1=1.2, b=0.75, k3=8.0):
    """Rows with scores of plain lower-case texts, best first, equal ones by id."""
    words = {n: text.split() for n, text in documents.items()}
    mean = sum(map(len, words.values())) / len(words)
    scores = {}
    for term in set(terms):
        having = [n for n, text in words.items() if term in text]
        weight = math.log(1 + (len(words) - len(having) + 0.5) / (len(having) + 0.5))
        asked = (k3 + 1) * terms.count(term) / (k3 + terms.count(term))
        for n in having:
            tf = words[n].count(term)
            scores[n] = scores.get(n, 0) + weight * asked * (k1 + 1) * tf / (tf + k1 * (1 - b + b * len(words[n]) / mean))
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))


def scored(pairs):
    return [{"id": n, "$dist": Approx(score)} for n, score in pairs]


FISH = {1: "fish fish swim", 2: "fish tank water deep blue", 3: "swim swim fish"}
FILL_FISH = put(*({"id": n, "t": t} for n, t in FISH.items()), schema={"t": full()})
for name, asked, scores in (("fish", "fish", [(1, 0.1935006), (3, 0.1442616), (2, 0.1162396)]),
                            ("fish_fish", "fish fish", [(1, 0.1935006 * 1.8), (3, 0.1442616 * 1.8), (2, 0.1162396 * 1.8)]),
                            ("fish_fish_swim", "fish fish swim", [(3, 0.9407540), (1, 0.8560728), (2, 0.2092312)])):
    add(f"scores_of_the_contract_{name}", FILL_FISH, rows(scored(scores), rank_by=["t", "BM25", asked], limit=10), items=18)
for name, options in {"k1": {"k1": 2.5}, "b": {"b": 0.1}, "k3": {"k3": 1.0}}.items():
    add(f"parameter_{name}", put(*({"id": n, "t": t} for n, t in FISH.items()), schema={"t": full(**options)}),
        rows(scored(bm25(FISH, ["swim", "swim", "fish"], **options)), rank_by=["t", "BM25", "swim swim fish"], limit=10), items=18)
POEM = {n: " ".join(("river stone cloud ember willow frost".split())[(n * k + k * k) % 6] for k in range(1, 3 + n % 7)) for n in range(40)}
FILL_POEM = put(*({"id": n, "t": t, "n": n} for n, t in POEM.items()), schema={"t": full()})
for asked in ("river", "stone ember", "willow willow frost cloud"):
    add("poem_" + asked.replace(" ", "_"), FILL_POEM,
        rows(scored(bm25(POEM, asked.split())), rank_by=["t", "BM25", asked], limit=100),
        rows(scored([pair for pair in bm25(POEM, asked.split()) if pair[0] < 20]), rank_by=["t", "BM25", asked], limit=100,
            filters=["n", "Lt", 20]),
        rows(scored(bm25(POEM, asked.split())[5:10]), rank_by=["t", "BM25", asked], limit=5, offset=5), items=18)
LEFT = {n: t for n, t in POEM.items() if n % 3} | {50: "river river stone"}
add("scores_after_deletions", FILL_POEM, write(deletes=[n for n in POEM if n % 3 == 0]), put({"id": 50, "t": LEFT[50], "n": 50}),
    ids([n for n, _ in bm25(LEFT, ["river", "stone"])][:1], rank_by=["t", "BM25", "river stone"], limit=1),
    found(sorted(n for n, t in LEFT.items() if "river" in t.split()), ["t", "ContainsAllTokens", "river"]), items=18)
add("foxes", put({"id": 1, "t": "the fox is quick and brown"}, {"id": 2, "t": "fox jumped over the lazy dog"},
    {"id": 3, "t": "the dog is lazy"},
                 schema={"t": full(language="english", stemming=True, remove_stopwords=True)}),
    ids([2, 1], rank_by=["t", "BM25", "fox jumping"], limit=10), items=18)
add("sum_of_two_fields",
    put({"id": 1, "fact_id": "a", "a": "walrus", "b": "ocean cold water"},
        {"id": 2, "fact_id": "b", "a": "large tusks", "b": "walrus tusk"},
        {"id": 3, "fact_id": "z", "a": "tusk tusk", "b": "tusk"}, {"id": 4, "fact_id": "d", "a": "tusk walrus", "b": "tusk walrus"},
        schema={"a": full(stemming=True), "b": full(stemming=True)}),
    ids([4, 2], rank_by=["Sum", [["a", "BM25", "tusk walrus"], ["b", "BM25", "tusk walrus"]]], filters=["fact_id", "NotEq", "z"],
        top_k=2), items=18)
WALRUS = ["Walruses can produce a variety of funny sounds, including whistles, grunts, and bell-like noises.",
          "They sometimes use their tusks as a tool to break through ice or to scratch their backs.",
          "The walrus has a large mustache of whiskers that it uses to find a mollusk or two for its diet.",
          "Their large tusks help them haul out of the water, and a large tusk shows rank.", "They sing."]
add("walruses", put(*({"id": n, "t": t} for n, t in enumerate(WALRUS)),
    schema={"t": full(language="english", stemming=True, remove_stopwords=True)}),
    ids([2, 3, 1], rank_by=["Sum", [["t", "BM25", "large tusk"], ["t", "BM25", "mollusk diet"]]], limit=10), items=19)
add("pre_tokenized", put({"id": 1, "t": ["jumped", "over", "the"]}, {"id": 2, "t": ["The", "lazy dog"]}, {"id": 3, "t": []},
                         schema={"t": {"type": "[]string", "full_text_search": {"tokenizer": "pre_tokenized_array"}}}),
    ids([1], rank_by=["t", "BM25", ["jumped"]], limit=9), ids([2], rank_by=["t", "BM25", ["lazy dog"]], limit=9),
    ids([2], rank_by=["t", "BM25", ["The"]], limit=9), ids([], rank_by=["t", "BM25", ["LAZY DOG"]], limit=9),
    fails(400, 'for rank_by field "t", expecting []string', query(rank_by=["t", "BM25", "jumped"], limit=9)),
    found([1], ["t", "ContainsAllTokens", ["over", "the"]]), fails(400, "", found([], ["t", "ContainsAllTokens", "over"])), items=20)
add("arrays_for_a_word_field", FILL_FISH, ids([1, 3, 2], rank_by=["t", "BM25", "fish"], limit=9),
    fails(400, "invalid input '[quick, fish]' for rank_by field \"t\", expecting string",
        query(rank_by=["t", "BM25", ["quick", "fish"]], limit=9)), items=20)
BASE = bm25(FISH, ["swim"])
for name, rank, change in (
        ("left", ["Product", 3, ["t", "BM25", "swim"]], lambda s: 3 * s),
        ("right", ["Product", ["t", "BM25", "swim"], 0.5], lambda s: s / 2),
        ("nested", ["Product", 2, ["Sum", [["Max", [["t", "BM25", "swim"], ["Product", 0.1, ["t", "BM25", "swim"]]]],
            ["t", "BM25", "swim"]]]],
         lambda s: 4 * s)):
    add(f"product_{name}", FILL_FISH, rows(scored([(n, change(s)) for n, s in BASE]), rank_by=rank, limit=9), items=21)
add("max_of_two", FILL_FISH,
    rows(scored(sorted(((n, max(dict(bm25(FISH, ["swim"])).get(n, 0), dict(bm25(FISH, ["water"])).get(n, 0))) for n in FISH),
                       key=lambda pair: (-pair[1], pair[0]))), rank_by=["Max", [["t", "BM25", "swim"], ["t", "BM25", "water"]]], limit=9),
                       items=21)
add("text_and_attributes", FILL_POEM,
    query(rank_by=["Sum", [["t", "BM25", "river"], ["Saturate", ["Attribute", "n"], {"midpoint": 10}]]], limit=100,
          answer={"rows": Check(lambda hits: len(hits) == 40, "all rows")}), items=21)
add("text_with_a_filter_as_boost", FILL_FISH, rows(scored([(2, 1.1162396), (1, 0.1935006), (3, 0.1442616)]),
                                                   rank_by=["Sum", [["t", "BM25", "fish"], ["id", "Eq", 2]]], limit=9), items=21)

# Token filters.
add("all_any_and_not", FILL_FISH, found([1, 3], ["t", "ContainsAllTokens", "swim FISH"]),
    found([2], ["t", "ContainsAllTokens", ["tank", "blue"]]),
    found([1, 2, 3], ["t", "ContainsAnyToken", "swim deep"]), found([2], ["Not", ["t", "ContainsAllTokens", "swim"]]),
    found([1, 3], ["Not", ["Not", ["t", "ContainsAllTokens", "swim"]]]),
    found([1, 2], ["And", [["Or", [["t", "ContainsAllTokens", "tank"], ["id", "Lt", 2]]], ["Not", ["t", "ContainsAllTokens", "whale"]]]]),
    found([], ["t", "ContainsAllTokens", "whale"]), found([], ["t", "ContainsAllTokens", ""]), items=22)
add("sequences", FILL_FISH, found([2], ["t", "ContainsTokenSequence", "tank water"]),
    found([], ["t", "ContainsTokenSequence", "water tank"]),
    found([1], ["t", "ContainsTokenSequence", "fish swim"]), found([3], ["t", "ContainsTokenSequence", ["swim", "fish"]]), items=22)
add("sequences_and_stop_words", put({"id": 1, "t": "Puffy visited a café"}, schema={"t": full(remove_stopwords=True)}),
    found([1], ["t", "ContainsTokenSequence", "visited a café"]), found([1], ["t", "ContainsTokenSequence", "visited the café"]),
    found([], ["t", "ContainsTokenSequence", "visited café"]), items=22)
add("prefixes", FILL_FISH, found([1, 3], ["t", "ContainsAllTokens", "fish sw", {"last_as_prefix": True}]),
    found([2], ["t", "ContainsAnyToken", "wa", {"last_as_prefix": True}]), found([], ["t", "ContainsAllTokens", "sw"]),
    rows(scored([(1, 1.1935006), (3, 1.1442616), (2, 0.1162396)]), rank_by=["t", "BM25", "fish sw", {"last_as_prefix": True}], limit=9),
    fails(422, "", found([], ["t", "ContainsAllTokens", "sw", {"prefix": True}])), items=22)
add("tokens_need_an_index", put({"id": 1, "s": "x", "t": "x"}, schema={"t": full()}), found([1], ["t", "ContainsAnyToken", "x"]),
    fails(400, "s", found([], ["s", "ContainsAnyToken", "x"])), fails(400, "s", query(rank_by=["s", "BM25", "x"], limit=1)), items=17)
add("text_index_later", put({"id": 1, "s": "red fish"}, {"id": 2, "s": "blue"}),
    fails(400, "s", query(rank_by=["s", "BM25", "fish"], limit=1)),
    op("update_schema", Has(s=Has(filterable=True)), {"s": {"type": "string", "full_text_search": True}}),
    ids([1], rank_by=["s", "BM25", "fish"], limit=9), found([2], ["s", "Eq", "blue"]), items=17)

# Analysis.
SAMPLE = ("Puffy (🐡) visited a café, e.g. searching for clams, but left disappointed. The foxes' e-mail: fish@sea.com 3.14 don't U.S.A. "
          "東京タワー naïve Ærø straße")
YES = {"word_v4": ["e.g", "sea.com", "3.14", "don't", "u.s.a", "mail", "🐡", "東", "タワー", "café", "PUFFY"],
       "word_v2": ["sea", "14", "don", "u", "mail", "🐡", "東"], "word_v1": ["sea", "14", "don", "🐡", "東京タワー"],
       "word_v0": ["sea", "14", "東京タワー"]}
NO = {"word_v4": ["g", "sea", "3", "don", "u", "cafe"], "word_v2": ["cafe"], "word_v1": ["東", "cafe"], "word_v0": ["🐡", "東"]}
for tokenizer, terms in YES.items():
    add(f"tokens_of_{tokenizer}", put({"id": 1, "t": SAMPLE}, schema={"t": full(tokenizer=tokenizer)}),
        *(found([1], ["t", "ContainsAllTokens", term]) for term in terms),
        *(found([], ["t", "ContainsAllTokens", term]) for term in NO[tokenizer]),
        items=18)
add("stems", put({"id": 1, "t": "running quickly"}, {"id": 2, "t": "runs"}, {"id": 3, "t": "ran"}, schema={"t": full(stemming=True)}),
    found([1, 2], ["t", "ContainsAllTokens", "run"]), found([1], ["t", "ContainsAllTokens", "quickly"]), items=18)
add("stems_of_other_languages", put({"id": 1, "t": "Häuser", "u": "chevaux blancs"}, schema={
    "t": full(stemming=True, language="german"), "u": full(stemming=True, language="french")}),
    found([1], ["t", "ContainsAllTokens", "Haus"]), found([1], ["u", "ContainsAllTokens", "blanc"]), items=18)
add("stop_words", put({"id": 1, "t": "to be or not to be"}, {"id": 2, "t": "the question"}, schema={"t": full(remove_stopwords=True)}),
    ids([], rank_by=["t", "BM25", "to be"], limit=9), ids([2], rank_by=["t", "BM25", "the question"], limit=9), items=18)
add("folding", put({"id": 1, "t": "Café straße"}, {"id": 2, "t": "cafe"}, schema={"t": full(ascii_folding=True)}),
    found([1, 2], ["t", "ContainsAllTokens", "CAFE"]), found([1], ["t", "ContainsAllTokens", "strasse"]), items=18)
add("cases", put({"id": 1, "t": "Fish"}, {"id": 2, "t": "fish"}, schema={"t": full(case_sensitive=True)}),
    found([1], ["t", "ContainsAllTokens", "Fish"]), found([2], ["t", "ContainsAllTokens", "fish"]), items=18)
add("long_tokens", put({"id": 1, "t": "abcdef short café"}, schema={"t": full(max_token_length=5)}),
    found([], ["t", "ContainsAllTokens", "abcdef"]), found([1], ["t", "ContainsAllTokens", "short"]),
    found([1], ["t", "ContainsAllTokens", "café"]), items=18)
add("arrays_of_texts", put({"id": 1, "t": ["red fish", "blue whale"]}, {"id": 2, "t": ["blue", "fish"]}, schema={
    "t": {"type": "[]string", "full_text_search": True}}),
    found([1, 2], ["t", "ContainsAllTokens", "blue fish"]), found([1], ["t", "ContainsTokenSequence", "fish blue"]),
    found([2], ["t", "ContainsTokenSequence", "blue fish"]), ids([1], rank_by=["t", "BM25", "whale"], limit=9), items=18)
add("patched_and_deleted_texts", FILL_FISH, write(patch_rows=[{"id": 2, "t": "whale song"}]), write(deletes=[3]),
    found([2], ["t", "ContainsAllTokens", "whale"]), found([1], ["t", "ContainsAllTokens", "fish"]),
    found([], ["t", "ContainsAllTokens", "tank"]),
    ids([1], rank_by=["t", "BM25", "fish swim tank"], limit=9), all_ids(1, 2), items=18)
add("empty_texts", put({"id": 1, "t": ""}, {"id": 2, "t": "!!!"}, {"id": 3}, {"id": 4, "t": "word"}, schema={"t": full()}),
    ids([4], rank_by=["t", "BM25", "word"], limit=9), ids([], rank_by=["t", "BM25", ""], limit=9),
    found([], ["t", "ContainsAnyToken", "!!!"]), items=18)
add("longest_query", FILL_FISH, ids([1, 3, 2], rank_by=["t", "BM25", "fish " * 1638], limit=9),
    fails(400, "8192", query(rank_by=["t", "BM25", "fish " * 1639], limit=9)), items=18)
add("ties_by_id", put(*({"id": n, "t": "same words"} for n in (5, 3, 9, 1)), schema={"t": full()}),
    ids([1, 3, 5, 9], rank_by=["t", "BM25", "same"], limit=9), ids([1, 3], rank_by=["t", "BM25", "words"], limit=2), items=18)
add("text_per_group", put(*({"id": n, "t": "fish " * n, "g": n % 2} for n in range(1, 7)), schema={"t": full()}),
    query(rank_by=["t", "BM25", "fish"], limit={"total": 2, "per": {"attributes": ["g"], "limit": 1}}, include_attributes=["g"],
          answer={"rows": Check(lambda hits: sorted(hit["g"] for hit in hits) == [0, 1], "one of each group")}), items=35)
add("text_and_vectors_fused", put(*({"id": n, "t": t, "vector": [n, 1]} for n, t in FISH.items()), schema={"t": full()},
                                  distance_metric="euclidean_squared"),
    multi([[{"id": 3, "$dist": Approx(1 / 62 + 1 / 61)}, {"id": 1, "$dist": Approx(1 / 61 + 1 / 63)},
        {"id": 2, "$dist": Approx(1 / 63 + 1 / 62)}]],
          {"rank_by": ["t", "BM25", "fish"], "limit": 3}, {"rank_by": ["vector", "ANN", [3, 1]], "limit": 3}, rerank_by=["RRF"]), items=35)
add("text_with_no_hit_and_other_queries", FILL_FISH, multi([[], Rows([1])], {"rank_by": ["t", "BM25", "whale"], "limit": 3},
                                                            {"rank_by": ["id", "asc"], "limit": 1}), items=35)

# Highlights and computed scores.
PASSAGE = "The sun is hot. Cats sleep in the sun all day! Nothing here.\nA new paragraph about cats."
FILL_PASSAGE = put({"id": 1, "t": PASSAGE}, {"id": 2, "t": "No match"}, schema={"t": full(stemming=True)})


def highlight(config, fragments, rank=("t", "BM25", "sun")):
    return rows([{"id": 1, "$dist": Check(lambda d: d > 0, "a score"), "h": fragments}], rank_by=list(rank), limit=1,
                compute_attributes={"h": ["Highlight", "t", *([config] if config is not None else [])]})


add("highlight_sentences", FILL_PASSAGE, highlight(None, [{"text": "The sun is hot."}, {"text": "Cats sleep in the sun all day!"}]),
    highlight({"fragment_limit": 1}, [{"text": "The sun is hot."}]), items=21)
add("highlight_offsets", FILL_PASSAGE,
    highlight({"fragment_limit": 1, "include_offsets": "utf-8"},
        [{"text": "The sun is hot.", "fragment_range": [0, 15], "match_ranges": [[4, 7]]}]), items=21)
add("highlight_by_other_words", FILL_PASSAGE,
    highlight({"fragment_by": "paragraph", "rank_fragments_by": ["$fragment", "BM25", "paragraph"]},
        [{"text": "A new paragraph about cats."}]),
    highlight({"fragment_by": "none"}, [{"text": PASSAGE}]), items=21)
add("highlight_refusals", FILL_PASSAGE, highlight({"fragment_limit": 1}, [{"text": "The sun is hot."}]),
    fails(400, "cannot infer `rank_fragments_by`", query(rank_by=["id", "asc"], limit=1, compute_attributes={"h": ["Highlight", "t"]})),
    fails(422, "", highlight({"fragment_by": "page"}, [])), fails(400, "", highlight({"fragment_limit": 0}, [])), items=21)
add("computed_text_scores", FILL_FISH,
    rows([{"id": 1, "x": Approx(0.1935006)}], rank_by=["id", "asc"], limit=1, compute_attributes={"x": ["t", "BM25", "fish"]}), items=21)
