"""Files on file systems of every sort, here those that need no network beyond this machine."""

import http.server
import threading

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evae_tf.bulk import addresses, inputs
from evae_tf.bulk.addresses import MAX_BYTES, SetupError, read_bytes
from evae_tf.bulk.output_folder import OutputFolder
from evae_tf.bulk.report import Report
from evae_tf.errors import InputError
from tests.bulk.conftest import bulk, read_rows

DENIED = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"


@pytest.fixture
def server(photos):
    """A web server that has photos, and denies what is below /bucket, as S3 does."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(photos))

        def do_GET(self):
            if not self.path.startswith("/bucket"):
                return super().do_GET()
            self.send_response(403)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(DENIED)))
            self.end_headers()
            return self.wfile.write(DENIED)

        def do_HEAD(self):
            if not self.path.startswith("/bucket"):
                return super().do_HEAD()
            self.send_response(403)
            return self.end_headers()

        def log_message(self, *_):
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{running.server_address[1]}"
    running.shutdown()
    running.server_close()


def s3(server, key):
    return f"s3://me:secret@bucket/{key}?scheme=http&endpoint_override={server}&region=us-east-1"


def test_a_file_is_the_same_from_disk_and_from_the_web(photos, server):
    content = (photos / "00_1.png").read_bytes()
    assert read_bytes(f"file://{photos}/00_1.png") == content
    assert read_bytes(f"http://{server}/00_1.png") == content


def test_a_query_or_options_follow_the_address(server, photos):
    assert addresses.split_options("s3://b/a.png?region=x") == ("s3://b/a.png", "?region=x")
    assert addresses.split_options("/photos/a?.png") == ("/photos/a?.png", "")
    assert read_bytes(f"http://{server}/00_1.png?size=1") == (photos / "00_1.png").read_bytes()


def test_what_is_not_there_is_said(photos, server):
    for address in (f"file://{photos}/none.png", f"http://{server}/none.png"):
        with pytest.raises(InputError, match="there is no such file"):
            read_bytes(address)
    with pytest.raises(InputError, match="nope://x/y: cannot be used"):
        read_bytes("nope://x/y")


def test_a_file_that_is_too_large_for_a_photo_is_not_held(tmp_path):
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(InputError, match="larger than 537 MB"):
        read_bytes(f"file://{path}")


def test_a_missing_credential_is_no_matter_of_one_photo(server):
    with pytest.raises(SetupError, match="the credential of s3://bucket is missing") as caught:
        read_bytes(s3(server, "a.png"))
    assert "secret" not in str(caught.value)


def test_no_message_has_the_password_of_an_address():
    """Messages end up in logs. Of this file system, user and password are a part of the name."""
    base, memory = "memory://me:secret@host", fsspec.filesystem("memory")
    memory.pipe("/me:secret@host/notes/a.txt", b"x")
    memory.pipe("/me:secret@host/none.csv", b"picture\na.png\n")
    memory.pipe("/me:secret@host/empty.csv", b"image\n")
    columns = {"none": {"picture": ["a.png"]}, "numbers": {"image": [1]}, "empty": {"image": []}}
    for name, content in columns.items():
        kind = {"empty": pa.schema([("image", pa.string())])}.get(name)
        with memory.open(f"/me:secret@host/{name}/a.parquet", "wb") as file:
            pq.write_table(pa.table(content, schema=kind), file)
    tables = ["none.csv", "empty.csv", *(f"{name}/a.parquet" for name in columns)]
    calls = [lambda name=name: inputs.find(f"{base}/{name}") for name in ["notes", *tables]]
    calls += [lambda: OutputFolder(f"{base}/none").check({}), lambda: Report.of(f"{base}/notes")]
    for call in calls:
        with pytest.raises(InputError, match=r"^memory://host/\w+") as caught:
            call()
        assert "secret" not in str(caught.value)


def test_a_run_over_the_web_has_rows_for_what_is_missing(server, tmp_path):
    table = tmp_path / "photos.csv"
    table.write_text(f"image\nhttp://{server}/00_1.png\nhttp://{server}/none.png\n")
    call = bulk(f"--input={table}", f"--output={tmp_path / 'output'}", "--workers=1")
    assert call.returncode == 1, call.stderr
    good, bad = sorted(read_rows(tmp_path / "output"), key=lambda row: row["image"])
    assert (good["face"], good["error"], good["width"]) == (0, None, 260)
    assert (bad["face"], bad["error"]) == (None, "there is no such file.")


def test_a_run_without_its_credential_stops_and_writes_nothing(server, tmp_path):
    table = tmp_path / "photos.csv"
    table.write_text("image\n" + "\n".join(s3(server, f"{i}.png") for i in range(20)))
    call = bulk(f"--input={table}", f"--output={tmp_path / 'output'}", "--workers=1")
    assert call.returncode == 1
    (line,) = call.stderr.strip().splitlines()
    assert "credential of s3://" in line
    assert not list((tmp_path / "output").glob("part-*"))
