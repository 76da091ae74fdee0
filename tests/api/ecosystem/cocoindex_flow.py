"""A cocoindex pipeline from files to a namespace, unmodified: cocoindex_flow.py BASE_URL FOLDER. Prints OK at the end."""
import os
import pathlib
import sys

folder = pathlib.Path(sys.argv[2])
os.environ["COCOINDEX_DB"] = str(folder / "state")

import cocoindex as coco  # noqa: E402
import numpy as np  # noqa: E402
import words  # noqa: E402
from cocoindex.connectors import localfs, turbopuffer  # noqa: E402
from cocoindex.resources.schema import VectorSchema  # noqa: E402
from turbopuffer import NotFoundError, Turbopuffer  # noqa: E402

CLIENT = coco.ContextKey[turbopuffer.AsyncTurbopuffer]("mola")
SHAPE = turbopuffer.VectorDef(schema=VectorSchema(dtype=np.dtype(np.float32), size=words.DIMENSIONS))


@coco.lifespan
def lifespan(builder):
    builder.provide(CLIENT, turbopuffer.AsyncTurbopuffer(api_key="any", base_url=sys.argv[1]))
    yield


@coco.fn(memo=True)
async def index_file(file, target):
    name = file.file_path.path.name
    for number, line in enumerate((await file.read_text()).splitlines()):
        target.declare_row(turbopuffer.Row(id=f"{name}:{number}", vector=words.embed(line),
                                           attributes={"text": line, "file": name, "number": number}))


@coco.fn
async def main(source):
    schema = await turbopuffer.NamespaceSchema.create(SHAPE)
    target = await turbopuffer.mount_namespace_target(CLIENT, "files", schema)
    await coco.mount_each(index_file, localfs.walk_dir(source).items(), target)


source = folder / "documents"
source.mkdir()
(source / "sea.txt").write_text("Walruses rest on ice.\nSunfish drift in warm water.")
(source / "land.txt").write_text("A fox hunts at dawn.")
app = coco.App(coco.AppConfig(name="files"), main, source)
namespace = Turbopuffer(api_key="any", base_url=sys.argv[1]).namespace("files")


def rows():
    app.update_blocking()
    found = namespace.query(rank_by=("id", "asc"), top_k=100, include_attributes=["text"]).rows
    return {row.id: row.text for row in found}


assert rows() == {"land.txt:0": "A fox hunts at dawn.", "sea.txt:0": "Walruses rest on ice.", "sea.txt:1": "Sunfish drift in warm water."}
near = namespace.query(rank_by=("vector", "ANN", words.embed("fox at dawn")), top_k=1, filters=("number", "Eq", 0),
                       include_attributes=["file"]).rows
assert near[0].file == "land.txt" and namespace.schema()["vector"].type == f"[{words.DIMENSIONS}]f32"
(source / "sea.txt").write_text("Walruses rest on rocks.")
(source / "land.txt").unlink()
(source / "air.txt").write_text("Terns fly from pole to pole.")
assert rows() == {"air.txt:0": "Terns fly from pole to pole.", "sea.txt:0": "Walruses rest on rocks."}
app.drop_blocking()
try:
    namespace.schema()
    raise SystemExit("the namespace outlived its app")
except NotFoundError:
    print("OK")
