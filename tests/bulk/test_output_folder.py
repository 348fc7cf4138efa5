"""The folder of Parquet files, and what a run that lost it may still do."""

import random
import resource

import fsspec
import pytest

from evae_tf.bulk import fingerprints, rows
from evae_tf.bulk.addresses import SetupError
from evae_tf.bulk.output_folder import OutputFolder
from evae_tf.bulk.report import Report
from evae_tf.errors import InputError


@pytest.fixture(params=["disk", "memory"])
def address(request, tmp_path):
    if request.param == "disk":
        return str(tmp_path / "output")
    fsspec.filesystem("memory").store.clear()
    return "memory://output"


def begun(address, overwrite=False, **settings):
    folder = OutputFolder(address)
    folder.begin({"passes": 2, **settings}, overwrite)
    return folder


def finished(folder):
    return folder.finished(folder.parts())


def table(images):
    return rows.as_table([rows.error_row(name, "bad.") for name in images], "m", "0")


def test_finished_photos_are_those_in_the_files(address):
    folder = begun(address)
    assert not len(finished(folder))
    folder.write(["a", "b"], table(["a", "b"]))
    folder.write(["c"], table(["c"]))
    folder.write(["a", "b"], table(["a", "b"]))  # tried again
    assert finished(folder).tolist() == sorted(fingerprints.of(["a", "b", "c"]).tolist())
    report = Report.of(address)
    assert (report.photos, report.faces, report.errors) == (3, 0, {"bad.": 3})


def test_a_worker_that_outlives_its_run_adds_nothing(address):
    before = begun(address)
    before.write(["a"], table(["a"]))
    now = begun(address)
    with pytest.raises(SetupError, match="another run has taken over"):
        before.write(["b"], table(["b"]))
    assert finished(now).tolist() == fingerprints.of(["a"]).tolist()


def test_a_full_disk_leaves_nothing_half_written(tmp_path):
    """A limit of the operating system on the file size simulates it."""
    images = [random.Random(i).randbytes(20).hex() for i in range(5000)]
    folder = begun(str(tmp_path))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(SetupError, match=f"{tmp_path}: cannot be used .*too large"):
            folder.write(images, table(images))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir()] == ["_settings.json"]
    folder.write(images, table(images))
    assert len(finished(folder)) == 5000


def test_other_settings_need_another_folder(address):
    begun(address).write(["a"], table(["a"]))
    with pytest.raises(InputError, match="landmarks with passes 2, not 1"):
        begun(address, passes=1)
    assert not len(finished(begun(address, overwrite=True, passes=1)))


def test_what_a_killed_run_left_half_written_goes(tmp_path):
    begun(str(tmp_path)).write(["a"], table(["a"]))
    (tmp_path / ".evae-12345678-part-0.parquet").write_bytes(b"PAR1")
    folder = begun(str(tmp_path))
    assert not list(tmp_path.glob(".evae-*"))
    assert len(finished(folder)) == 1


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "mine.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"holds mine.parquet, which is not from evae-bulk"):
        begun(str(tmp_path))
    with pytest.raises(InputError, match="holds no landmarks"):
        Report.of(str(tmp_path))


@pytest.mark.parametrize("name", ["part-00000-abc.snappy.parquet", f"part-{'0' * 32}.parquet"])
def test_files_of_another_program_survive_overwrite(tmp_path, name):
    """Spark's files are called part-..., too."""
    (tmp_path / name).write_bytes(b"PAR1")
    with pytest.raises(InputError, match="which is not from evae-bulk"):
        begun(str(tmp_path), overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_results_of_two_settings_never_mix(tmp_path, monkeypatch):
    """A run with --overwrite is killed before the old results are gone."""
    begun(str(tmp_path)).write(["a"], table(["a"]))
    folder = OutputFolder(str(tmp_path))
    listed = iter([folder._names()])  # for the check; the old results are listed next

    def names():
        for known in listed:
            return known
        raise KeyboardInterrupt

    monkeypatch.setattr(folder, "_names", names)
    with pytest.raises(KeyboardInterrupt):
        folder.begin({"passes": 1}, overwrite=True)
    assert len(list(tmp_path.glob("part-*"))) == 1
    with pytest.raises(InputError, match="Use --overwrite again"):
        begun(str(tmp_path), passes=1)
    assert not len(finished(begun(str(tmp_path), overwrite=True, passes=1)))
    begun(str(tmp_path), passes=1)


def test_a_damaged_file_is_named(tmp_path):
    begun(str(tmp_path)).write(["a"], table(["a"]))
    (part,) = tmp_path.glob("part-*")
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(InputError, match=part.name):
        finished(begun(str(tmp_path)))
