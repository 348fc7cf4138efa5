"""What `--input` names, and how addresses become chunks."""

import os

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evae_tf.bulk import chunks, fingerprints, inputs, tables
from evae_tf.bulk.selection import select
from evae_tf.errors import InputError
from tests.bulk.conftest import bulk


def addresses(found):
    """All that is in tables, piece by piece."""
    return [
        address for piece in found.pieces for batch in tables.read(*piece, 3) for address in batch
    ]


def test_a_folder_and_a_glob_name_photos_by_absolute_paths(tmp_path, monkeypatch):
    for name in ("b.JPG", "a.png", "notes.txt", ".hidden.png"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert inputs.find(".") == [str(tmp_path / "a.png"), str(tmp_path / "b.JPG")]
    assert inputs.find("*.png") == [str(tmp_path / "a.png")]
    with pytest.raises(InputError, match="no such photo"):
        inputs.find("none")


def test_a_name_with_the_signs_of_a_glob_is_a_file(tmp_path):
    table = tmp_path / "t[1].csv"
    table.write_text("image\n/a.png\n")
    assert addresses(inputs.find(str(table))) == ["/a.png"]


def test_a_glob_in_the_root_looks_there(tmp_path, monkeypatch):
    (tmp_path / "mine.csv").write_text("image\n/a.png\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="no table"):
        inputs.find("/m*e.csv")


def test_a_photo_whose_name_is_no_text_is_named(tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9.png")).touch()
    with pytest.raises(InputError, match=r"caf.udce9.png': the name is not UTF-8"):
        inputs.find(str(tmp_path))


def test_folders_of_other_file_systems():
    memory = fsspec.filesystem("memory")
    for name in ("a.png", "b.jpg", "c.txt", "deep/d.png"):
        memory.pipe(f"/photos/{name}", b"x")
    assert inputs.find("memory://photos") == ["memory://photos/a.png", "memory://photos/b.jpg"]
    assert inputs.find("memory://photos/*.png") == ["memory://photos/a.png"]
    assert inputs.find("memory://photos/**/*.png")[-1] == "memory://photos/deep/d.png"
    with pytest.raises(InputError, match="memory://empty: found nothing, expected photos, or a"):
        inputs.find("memory://empty")


def test_what_is_no_photo_is_counted(tmp_path, caplog):
    names = ("a.png", "b.heic", "c.HEIC", "clip.mp4", "list")
    memory = fsspec.filesystem("memory")
    for name in names:
        (tmp_path / name).touch()
        memory.pipe(f"/mixed/{name}", b"x")
    for folder in (tmp_path, "memory://mixed"):
        caplog.clear()
        with caplog.at_level("INFO"):
            assert len(inputs.find(str(folder))) == 1
        (line,) = caplog.messages
        assert sorted(line.removeprefix("ignored, not photos: ").split(", ")) == [
            "1 .mp4",
            "1 without ending",
            "2 .heic",
        ]
        with pytest.raises(
            InputError, match=r"\*\.mp4: found 1 \.mp4, expected photos, or a table"
        ):
            inputs.find(f"{folder}/*.mp4")


@pytest.mark.parametrize(
    "text",
    [
        "image\n/a.png\nb.png\n\ns3://c/d.png\n",
        "\ufeffimage\n/a.png\nb.png\ns3://c/d.png",
        'id;"image"\n1;/a.png\n2;"b.png"\n3;s3://c/d.png\n',
        "image\tfaces\r\n/a.png\t1\r\nb.png\t2\r\ns3://c/d.png\t0\r\n",
    ],
)
def test_a_csv_table_is_read_whoever_wrote_it(tmp_path, text):
    path = tmp_path / "photos.csv"
    path.write_bytes(text.encode())
    found = inputs.find(str(path))
    assert addresses(found) == ["/a.png", f"{tmp_path}/b.png", "s3://c/d.png"]


def test_relative_addresses_keep_the_options_of_their_table():
    column = pa.array(["a.png", "s3://c/d.png", None])
    assert tables._absolute("s3://b/x/t.csv?region=y", column) == [
        "s3://b/x/a.png?region=y",
        "s3://c/d.png",
    ]


def test_parquet_tables_are_read_by_row_groups(tmp_path):
    for number in range(2):
        names = [f"/{number}/{i}.png" for i in range(10)]
        table = pa.table({"image": names, "size": list(range(10))})
        pq.write_table(table, tmp_path / f"{number}.parquet", row_group_size=4)
    found = inputs.find(f"{tmp_path}/*.parquet")
    assert len(found.pieces) == 6
    assert addresses(found) == [f"/{number}/{i}.png" for number in range(2) for i in range(10)]


def test_tables_that_cannot_be_used_are_named(tmp_path):
    def refused(name):
        with pytest.raises(InputError) as caught:
            inputs.find(str(tmp_path / name))
        assert str(tmp_path / name) in str(caught.value)
        return str(caught.value)

    assert "there is no such file" in refused("none.csv")
    (tmp_path / "other.csv").write_text("photo\na.png\n")
    assert "lacks image" in refused("other.csv")
    (tmp_path / "empty.csv").touch()
    assert "lacks image" in refused("empty.csv")
    (tmp_path / "headed.csv").write_text("image\n")
    assert "no table with a row" in refused("headed.csv")
    (tmp_path / "ragged.csv").write_text("image,b\n1,2\n1,2,3\n")
    assert "cannot be used" in refused("ragged.csv")
    (tmp_path / "text.parquet").write_text("image\na.png\n")
    assert "cannot be used" in refused("text.parquet")
    pq.write_table(pa.table({"path": ["a"]}), tmp_path / "path.parquet")
    assert "has the columns ['path'], expected image" in refused("path.parquet")
    pq.write_table(pa.table({"image": [b"a"]}), tmp_path / "bytes.parquet")
    assert "holds binary, expected text" in refused("bytes.parquet")


def test_a_table_that_is_damaged_in_its_midst_ends_the_run(tmp_path):
    names, table = [f"{tmp_path}/{i}.png" for i in range(1000)], tmp_path / "photos.parquet"
    pq.write_table(pa.table({"image": names}), table, compression="none", use_dictionary=False)
    content = bytearray(table.read_bytes())
    content[4:1000] = bytes(996)
    table.write_bytes(content)
    call = bulk(f"--input={table}", f"--output={tmp_path / 'output'}", "--workers=1")
    assert call.returncode == 1
    (line,) = call.stderr.strip().splitlines()
    assert line.startswith(f"error: {table}: cannot be used")


def test_each_address_is_selected_once_unless_it_is_finished():
    pieces = [[["a", "b"], ["a", "c"]], [], [["c", "d", "b"], ["e"]]]
    finished = np.sort(fingerprints.of(["b", "e", "other"]))
    found = select(pieces, finished)
    assert [mask.tolist() for mask in found.pieces] == [
        [True, False, False, True],
        [],
        [False, True, False, False],
    ]
    assert (found.photos, found.finished) == (3, 2)
    assert select(pieces, finished[:0]).photos == 5
    assert select([], finished).photos == 0


def test_chunks_hold_the_selected_addresses():
    names = [f"{i}.png" for i in range(10)]
    selected = np.array([0, 1, 1, 1, 0, 1, 1, 1, 1, 1], bool)
    found = list(chunks.of([names[:3], [], names[3:]], 3, selected))
    assert [table["images"].to_pylist() for table in found] == [
        [["1.png", "2.png", "3.png"]],
        [["5.png", "6.png", "7.png"]],
        [["8.png", "9.png"]],
    ]
    assert list(chunks.of([["0.png"]], 3, np.zeros(1, bool))) == []


@pytest.mark.parametrize("count", [3, 5])
def test_a_table_that_changed_is_refused(count):
    with pytest.raises(InputError, match=f"it had 4 addresses, now {count}"):
        list(chunks.of([["a.png"] * count], 3, np.ones(4, bool)))


def test_there_are_chunks_for_all_workers_and_not_too_many_files():
    assert chunks.size_of(10, 4) == 8
    assert chunks.size_of(3200, 2) == 100
    assert chunks.size_of(10**8, 100) == 512
