"""A file or folder is the old one or the new one, whatever happens in between."""

import errno
import os
import pathlib
import subprocess
import sys

import pytest

from evae_tf import atomic
from evae_tf.errors import InputError

FAILURES = {
    "a full disk": (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), InputError),
    "a bug": (KeyError("x"), KeyError),
    "Ctrl-C": (KeyboardInterrupt(), KeyboardInterrupt),
}
each_failure = pytest.mark.parametrize("failure", FAILURES)


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_file_is_replaced_at_the_end_and_not_before(tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("old")
    with atomic.replacing_file(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.suffix == ".keras"
        assert temporary.parent == tmp_path
    assert path.read_text() == "new"
    assert _names(tmp_path) == ["model.keras"]


@each_failure
@pytest.mark.parametrize("before", [[], ["model.keras"]])
def test_a_failure_leaves_the_old_file_and_no_debris(failure, before, tmp_path):
    raised, seen = FAILURES[failure]
    path = tmp_path / "model.keras"
    for name in before:
        (tmp_path / name).write_text("old")
    with pytest.raises(seen), atomic.replacing_file(path) as temporary:
        temporary.write_text("half of the n")
        raise raised
    assert _names(tmp_path) == before
    assert not before or path.read_text() == "old"


def test_a_full_disk_is_told_in_one_sentence(tmp_path):
    path = tmp_path / "report.json"
    message = rf"report\.json: cannot be written \({os.strerror(errno.ENOSPC)}\)"
    with pytest.raises(InputError, match=message), atomic.replacing_file(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_file_in_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        atomic.write_text(tmp_path / "nowhere" / "report.json", "{}")


def test_text_is_written_as_utf_8(tmp_path):
    atomic.write_text(tmp_path / "names.txt", "naïve 顔\n")
    assert (tmp_path / "names.txt").read_bytes() == "naïve 顔\n".encode()


def _fill(folder, text):
    (folder / "variables").mkdir(parents=True)
    (folder / "variables" / "data").write_text(text)


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "saved_model"
    _fill(path, "old")
    (path / "left_over").touch()
    with atomic.replacing_folder(path) as temporary:
        _fill(temporary, "new")
        assert (path / "variables" / "data").read_text() == "old"
    assert (path / "variables" / "data").read_text() == "new"
    assert _names(path) == ["variables"]
    assert _names(tmp_path) == ["saved_model"]


@each_failure
def test_a_failure_leaves_the_old_folder_and_no_debris(failure, tmp_path):
    raised, seen = FAILURES[failure]
    path = tmp_path / "saved_model"
    _fill(path, "old")
    with pytest.raises(seen), atomic.replacing_folder(path) as temporary:
        _fill(temporary, "half of the n")
        raise raised
    assert (path / "variables" / "data").read_text() == "old"
    assert _names(tmp_path) == ["saved_model"]


def test_a_failure_between_the_two_renames_brings_the_old_folder_back(tmp_path):
    path = tmp_path / "saved_model"
    _fill(path, "old")
    with pytest.raises(InputError), atomic.replacing_folder(path) as temporary:
        temporary.rmdir()  # so that the second rename finds nothing
    assert (path / "variables" / "data").read_text() == "old"
    assert _names(tmp_path) == ["saved_model"]


def test_make_folder_creates_parents_and_leaves_nothing_in_them(tmp_path):
    folder = atomic.make_folder(tmp_path / "runs" / "smoke")
    assert folder.is_dir()
    assert _names(folder) == []
    assert atomic.make_folder(str(folder)) == folder


def test_make_folder_where_a_file_is(tmp_path):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(InputError, match="runs: cannot write to this folder"):
        atomic.make_folder(tmp_path / "runs")
    with pytest.raises(InputError, match="smoke: cannot write to this folder"):
        atomic.make_folder(tmp_path / "runs" / "smoke")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to read-only folders")
def test_a_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="Permission denied"):
        atomic.make_folder(tmp_path)
    with pytest.raises(InputError, match="Permission denied"):
        atomic.write_text(tmp_path / "report.json", "{}")
    tmp_path.chmod(0o700)


def test_two_writers_of_one_folder_are_kept_apart(tmp_path):
    """In one process and from another; the lock ends with its context, or with its process."""
    code = f"""
import pathlib, sys, time
from evae_tf import atomic
with atomic.exclusive_folder({str(tmp_path / "out")!r}):
    print("locked", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"locked\n"
        with pytest.raises(InputError, match="out: another run"):
            atomic.exclusive_folder(tmp_path / "out").__enter__()
        process.kill()
    with atomic.exclusive_folder(tmp_path / "out") as folder:
        assert folder == tmp_path / "out"
        with pytest.raises(InputError, match="another run"):
            atomic.exclusive_folder(folder).__enter__()
        with atomic.exclusive_folder(folder / "inner"):
            pass
    assert _names(tmp_path / "out") == ["inner"]


def test_a_folder_that_another_run_tidies_at_that_moment_can_be_written(tmp_path, monkeypatch):
    """It removes what looks left behind, also the file that only tests whether one can write."""
    touch = pathlib.Path.touch

    def touched_and_tidied(path):
        touch(path)
        path.unlink()

    monkeypatch.setattr(pathlib.Path, "touch", touched_and_tidied)
    assert atomic.make_folder(tmp_path / "out") == tmp_path / "out"


def test_what_a_killed_run_left_half_written_is_removed(tmp_path):
    (tmp_path / "mine.txt").write_text("kept")
    (tmp_path / ".hidden").write_text("kept")
    code = f"""
import os, pathlib
from evae_tf import atomic
folder = pathlib.Path({str(tmp_path)!r})
with atomic.replacing_folder(folder / "saved") as first, atomic.replacing_file(folder / "b") as b:
    (first / "half").write_text("half")
    b.write_text("half")
    os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert len(_names(tmp_path)) == 4
    with atomic.exclusive_folder(tmp_path):
        assert _names(tmp_path) == [".hidden", "mine.txt"]
    assert (tmp_path / "mine.txt").read_text() == "kept"


def test_names_as_long_as_names_can_be(tmp_path):
    name = "n" * 250 + ".json"
    atomic.write_text(tmp_path / name, "{}")
    assert _names(tmp_path) == [name]
