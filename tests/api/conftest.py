import pytest
from mola import RESTLESS, Mola

# What these modules show must also hold while the indexer turns the log into segments all the time.
ALSO_INDEXED = ("test_python_sdk", "test_other_sdks", "test_durability")


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
def server(store, indexing):
    mola = Mola(store, *indexing)
    yield mola
    assert mola.process.poll() is None, f"mola died: {mola.lines[-20:]}"
    assert mola.stop() == 0
