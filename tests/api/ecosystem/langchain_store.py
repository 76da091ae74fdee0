"""LangChain's vector store for turbopuffer, unmodified: langchain_store.py BASE_URL. Prints OK at the end."""
import sys

import words
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_turbopuffer import TurbopufferVectorStore
from turbopuffer import NotFoundError, Turbopuffer


class Words(Embeddings):
    def embed_query(self, text):
        return words.embed(text)

    def embed_documents(self, texts):
        return [words.embed(text) for text in texts]


client = Turbopuffer(api_key="any", base_url=sys.argv[1])
texts = ["Walruses rest on ice.", "A fox hunts at dawn.", "Sunfish drift in warm water.", "The fox sleeps."]
metadatas = [{"page": i, "kind": "sea" if i % 2 == 0 else "land", "content": f"of {i}"} for i in range(4)]
store = TurbopufferVectorStore.from_texts(texts, Words(), metadatas, ids=["w", "f", "s", "z"], namespace=client.namespace("langchain"))

best, = store.similarity_search("walruses on ice", k=1)
assert (best.id, best.page_content) == ("w", texts[0]) and best.metadata == {"page": 0, "kind": "sea", "content": "of 0"}
scored = store.similarity_search_with_score("the fox sleeps", k=4)
assert scored[0][0].id == "z" and abs(scored[0][1]) < 1e-6 and [s for _, s in scored] == sorted(s for _, s in scored)
assert store.similarity_search_with_relevance_scores("the fox sleeps", k=1)[0][1] > 0.999
assert {d.id for d in store.similarity_search("fox", k=4, filters=("kind", "Eq", "sea"))} == {"w", "s"}
assert {d.id for d in store.similarity_search("fox", k=4, filters=("And", [("page", "Gte", 1), ("kind", "Eq", "land")]))} == {"f", "z"}

added = store.add_documents([Document(page_content="Ice melts.", metadata={"page": 9})])
assert [d.page_content for d in store.get_by_ids([*added, "w", "nobody"])] in (["Ice melts.", texts[0]], [texts[0], "Ice melts."])
found = store.as_retriever(search_kwargs={"k": 2}).invoke("fox hunts")
assert len(found) == 2 and found[0].id == "f"
assert store.delete(["w"]) and store.get_by_ids(["w"]) == []
assert store.delete()
try:
    store.similarity_search("fox")
    raise SystemExit("a deleted namespace answered")
except NotFoundError:
    print("OK")
