"""docs/bulk.md, followed by a reader with a few photos."""

import shutil

import pytest

from tests.snippets import reader

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def stopped_ray():
    """Stops the cluster that the page's Python starts in this process."""
    import ray

    yield
    ray.shutdown()


@pytest.mark.usefixtures("stopped_ray")
def test_the_page_can_be_followed(photos, tmp_path):
    import pyarrow
    from pyarrow import parquet

    reader.clone(tmp_path)
    (tmp_path / "photos").mkdir()
    taken = [shutil.copy(path, tmp_path / "photos") for path in sorted(photos.iterdir())[:3]]
    table = pyarrow.table({"image": list(map(str, taken))})
    parquet.write_table(table, tmp_path / "photos.parquet")
    reader.follow("docs/bulk.md", tmp_path)
