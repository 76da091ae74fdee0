import pytest
from mola import Mola


@pytest.fixture
def store(tmp_path):
    return f"file:{tmp_path}/data"


@pytest.fixture
def server(store):
    mola = Mola(store)
    yield mola
    assert mola.process.poll() is None, f"mola died: {mola.lines[-20:]}"
    assert mola.stop() == 0
