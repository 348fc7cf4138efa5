"""A run over a folder, beside align.py over the same folder, and what a further run does."""

import csv
import json
import shutil
import struct
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.bulk.conftest import bulk, command, images_of, read_rows

BAD = ("cut.png", "empty.png", "huge.png", "text.jpg")


def png_header(width, height):
    """The beginning of a PNG file that promises so many pixels."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    )


@pytest.fixture(scope="module")
def folder(photos, tmp_path_factory):
    """300 good photos and four that cannot be read."""
    folder = tmp_path_factory.mktemp("all") / "photos"
    shutil.copytree(photos, folder)
    (folder / "empty.png").touch()
    (folder / "cut.png").write_bytes((photos / "00_1.png").read_bytes()[:3000])
    (folder / "huge.png").write_bytes(png_header(100_000, 100_000))
    (folder / "text.jpg").write_text("no photo")
    return folder


@pytest.fixture(scope="module")
def done(folder, tmp_path_factory):
    """(the finished call, its output folder)"""
    output = tmp_path_factory.mktemp("bulk")
    return bulk(f"--input={folder}", f"--output={output}", "--workers=2"), output


@pytest.fixture(scope="module")
def aligned(folder, tmp_path_factory):
    """What align.py finds in the same folder."""
    output = tmp_path_factory.mktemp("aligned")
    command("evae-align", f"--input={folder}", f"--output={output}", "--draw=")
    return output


def test_the_landmarks_are_those_of_align(done, aligned, names, folder):
    _, output = done
    rows = [row for row in read_rows(output) if row["error"] is None]
    found = {}
    for row in sorted(rows, key=lambda row: row["face"] or 0):
        found.setdefault(row["image"], []).append(row)
    assert len(found) == len(names) == 300
    for path in sorted(aligned.glob("*.json")):
        record = json.loads(path.read_text())
        ours = found[record["image"]]
        assert (ours[0]["width"], ours[0]["height"]) == (record["width"], record["height"])
        ours = [row for row in ours if row["face"] is not None]
        assert len(ours) == len(record["faces"])
        for row, face in zip(ours, record["faces"], strict=True):
            assert np.round(row["landmarks"], 3).tolist() == face["landmarks"]
            assert np.round(row["box"], 2).tolist() == face["box"]
            assert np.round(row["covariance"], 4).tolist() == face["covariance"]
            assert np.round(row["visibility"], 4).tolist() == face["visibility"]
            assert row["score"] == pytest.approx(face["score"], abs=1e-4)
            pose = face["pose"]
            angles = [row["yaw"], row["pitch"], row["roll"]]
            assert angles == pytest.approx([pose["yaw"], pose["pitch"], pose["roll"]], abs=0.01)


def test_what_cannot_be_read_is_a_row_with_the_sentence_of_align(done, aligned, folder):
    call, output = done
    assert call.returncode == 1
    assert call.stderr.strip().splitlines()[-1].startswith("error: 4 photos could not be used")
    rows = {row["image"]: row for row in read_rows(output) if row["error"] is not None}
    assert sorted(rows) == [str(folder / name) for name in BAD]
    with (aligned / "errors.csv").open() as file:
        for image, sentence in list(csv.reader(file))[1:]:
            assert f"{image}: {rows[image]['error']}" == sentence
            assert rows[image]["face"] is rows[image]["landmarks"] is None
            assert rows[image]["model"] == "mobile_68"


def test_nothing_but_the_summary_is_printed(done):
    call, output = done
    faces = sum(row["face"] is not None for row in read_rows(output))
    assert call.stdout == (
        f"304 photos, {faces} faces, 2 photos without a face, 0 skipped: {output}\n"
    )
    assert len(call.stderr.strip().splitlines()) == 1


def test_a_report_counts_the_reasons(done):
    _, output = done
    report = bulk("--report", f"--output={output}")
    assert report.returncode == 0
    first, *reasons = report.stdout.splitlines()
    assert first.startswith("304 photos, ")
    assert first.endswith("2 photos without a face, 4 that could not be used")
    assert "       1 the file is empty, expected an image." in reasons
    assert len(reasons) == 4


def test_a_repeated_run_does_nothing_and_a_new_photo_is_added(done, folder, names):
    _, output = done
    before = {path: path.stat().st_mtime_ns for path in output.glob("part-*")}
    shutil.copy(folder / "10_0.png", folder / "new.png")
    again = bulk(f"--input={folder}", f"--output={output}", "--workers=1")
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith("1 photos, 1 faces, 0 photos without a face, 304 skipped")
    after = {path: path.stat().st_mtime_ns for path in output.glob("part-*")}
    assert len(after) == len(before) + 1
    assert before.items() <= after.items()
    # The cluster does not exist: where nothing is left to do, Ray is not started or joined.
    repeated = bulk(f"--input={folder}", f"--output={output}", "--address=127.0.0.1:1")
    assert repeated.returncode == 0, repeated.stderr
    assert repeated.stdout.startswith("0 photos, 0 faces, 0 photos without a face, 305 skipped")
    bad = [str(folder / name) for name in (*BAD, "new.png")]
    good = [str(folder / path.rpartition("/")[2]) for path in names]
    assert images_of(output) == sorted([*good, *bad])


def test_an_address_that_a_table_repeats_is_aligned_once(done, names, tmp_path):
    """In one row group and in several, in two tables, and where it is finished already."""
    few = names[:5]
    for number, images in enumerate(([*few[:3], few[1], few[0]], [few[3], few[2], few[4]])):
        table = pa.table({"image": images})
        pq.write_table(table, tmp_path / f"{number}.parquet", row_group_size=4)
    output = tmp_path / "output"
    words = f"--input={tmp_path}/*.parquet", f"--output={output}", "--workers=2"
    call = bulk(*words)
    assert call.stdout.startswith("5 photos, "), call.stderr
    assert not call.stderr  # Ray would warn that there are more workers than work
    assert images_of(output) == few
    (tmp_path / "more.parquet").symlink_to(tmp_path / "0.parquet")
    assert bulk(*words).stdout.startswith("0 photos, 0 faces, 0 photos without a face, 5 skipped")


def test_other_settings_are_refused_and_overwriting_starts_anew(done, folder, tmp_path):
    _, output = done
    other = shutil.copytree(output, tmp_path / "other")
    words = f"--input={folder}/0[01]_*.png", f"--output={other}", "--passes=1", "--workers=1"
    refused = bulk(*words)
    assert refused.returncode == 1
    (line,) = refused.stderr.strip().splitlines()
    assert "landmarks with passes 2, not 1" in line
    assert len(images_of(other)) == len(images_of(output))
    assert bulk(*words, "--overwrite").returncode == 0
    assert len(images_of(other)) == 12
