"""mem0, unmodified, with its memories and entities in mola: mem0_memory.py BASE_URL FOLDER. Prints OK at the end."""
import os
import sys

os.environ.update(MEM0_DIR=sys.argv[2], OPENAI_API_KEY="none")

import words  # noqa: E402
from mem0 import Memory  # noqa: E402
from turbopuffer import Turbopuffer  # noqa: E402

# mem0 always names a region, so the base URL has a place for it.
memory = Memory.from_config({
    "vector_store": {"provider": "turbopuffer", "config": {
        "collection_name": "memories", "embedding_model_dims": words.DIMENSIONS, "api_key": "any",
        "extra_params": {"base_url": sys.argv[1] + "/{region}"}}},
    "embedder": {"provider": "openai", "config": {"openai_base_url": words.provider(), "embedding_dims": words.DIMENSIONS}},
    "history_db_path": f"{sys.argv[2]}/history.db"})


def add(text, user, **metadata):
    return memory.add(text, user_id=user, infer=False, metadata=metadata)["results"][0]["id"]


def found(query, user, **filters):
    return [hit["memory"] for hit in memory.search(query, filters={"user_id": user, **filters}, threshold=0.1)["results"]]


tea = add("Ada likes green tea", "ada", topic="drinks", strength=3)
chess = add("Ada plays chess on Sundays", "ada", topic="games", strength=5)
add("Bob likes black coffee", "bob", topic="drinks", strength=9)

assert found("green tea", "ada")[0] == "Ada likes green tea" and "Bob likes black coffee" not in found("likes", "ada")
assert found("likes", "bob") == ["Bob likes black coffee"]
assert found("ada", "ada", topic="games") == ["Ada plays chess on Sundays"]
assert found("ada", "ada", strength={"gte": 4}) == ["Ada plays chess on Sundays"]
assert found("ada", "ada", topic={"in": ["drinks", "none"]}) == ["Ada likes green tea"]
assert memory.get(tea)["memory"] == "Ada likes green tea" and memory.get(tea)["metadata"]["topic"] == "drinks"
assert {m["memory"] for m in memory.get_all(filters={"user_id": "ada"})["results"]} == {"Ada likes green tea", "Ada plays chess on Sundays"}
memory.update(tea, "Ada likes oolong tea")
assert memory.get(tea)["memory"] == "Ada likes oolong tea" and found("oolong", "ada") == ["Ada likes oolong tea"]
assert len(memory.history(tea)) == 2
memory.delete(chess)
assert memory.get(chess) is None and [m["id"] for m in memory.get_all(filters={"user_id": "ada"})["results"]] == [tea]
memory.delete_all(user_id="ada")
assert memory.get_all(filters={"user_id": "ada"})["results"] == []
assert len(memory.get_all(filters={"user_id": "bob"})["results"]) == 1
assert "memories" in [n.id for n in Turbopuffer(api_key="any", base_url=sys.argv[1]).namespaces()]
memory.reset()
print("OK")
