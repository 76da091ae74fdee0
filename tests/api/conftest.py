import pytest
from mola import RESTLESS, Mola

# What these modules show must also hold while the indexer turns the log into segments all the time.
ALSO_INDEXED = ("test_python_sdk", "test_other_sdks", "test_durability")

# All that these say to mola, and hear of it, is held against openapi.yaml.
WATCHED = ("test_admin", "test_conditions", "test_ecosystem", "test_indexing", "test_malformed", "test_openapi", "test_other_sdks",
           "test_python_sdk", "test_readme", "test_settings")


def pytest_generate_tests(metafunc):
    if "indexing" in metafunc.fixturenames:
        kinds = ["usual", "restless"] if metafunc.module.__name__ in ALSO_INDEXED else ["usual"]
        metafunc.parametrize("indexing", kinds, indirect=True)


@pytest.fixture
def indexing(request, tmp_path):
    """Settings of the servers of a test: none, or those of an indexer that never rests."""
    return ["--cache-dir", tmp_path / "cache", *RESTLESS] if request.param == "restless" else []


@pytest.fixture
def store(tmp_path):
    return f"file:{tmp_path}/data"


@pytest.fixture
def server(store, indexing, request):
    mola = Mola(store, *indexing)
    watching = request.module.__name__ in WATCHED and not indexing
    if watching:
        mola.watched()
    yield mola
    if watching:
        mola.unwatched()
    assert mola.process.poll() is None, f"mola died: {mola.lines[-20:]}"
    assert mola.stop() == 0
