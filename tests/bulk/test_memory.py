"""The memory of the command, by the number of photos."""

import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.bulk.conftest import images_of

CODE = (
    "import resource, sys\n"
    "from evae_tf.cli import bulk\n"
    "try:\n"
    "    bulk.main()\n"
    "finally:\n"
    "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)\n"
)


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    """20,000 names of four small photos."""
    folder = tmp_path_factory.mktemp("photos")
    for index in range(4):
        Image.new("RGB", (24, 24), (60 * index, 90, 120)).save(folder / f"{index}.png")
    links = folder / "links"
    links.mkdir()
    for index in range(20_000):
        os.link(folder / f"{index % 4}.png", links / f"{index:05}.png")
    return [str(links / f"{index:05}.png") for index in range(20_000)]


def peak_mb(addresses, folder):
    """The most memory that the command took for a table of addresses."""
    folder.mkdir()
    table, output = folder / "photos.parquet", folder / "output"
    pq.write_table(pa.table({"image": addresses}), table, row_group_size=5000)
    words = f"--input={table}", f"--output={output}", "--detector=none", "--passes=1", "--workers=2"
    call = subprocess.run(
        [sys.executable, "-c", CODE, *words], capture_output=True, text=True, check=True
    )
    assert call.stdout.startswith(f"{len(addresses)} photos, ")
    assert images_of(output) == sorted(addresses)
    return int(call.stderr.split()[-1]) / 1024


def test_ten_times_the_photos_take_no_more_memory(addresses, tmp_path):
    few = peak_mb(addresses[:2000], tmp_path / "few")
    many = peak_mb(addresses, tmp_path / "many")
    # 18,000 addresses are 1.5 MB, the rows that are found 45 MB.
    assert many - few < 15, (few, many)
