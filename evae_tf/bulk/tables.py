"""Tables of addresses, Parquet or CSV, read in pieces: no process holds a whole table."""

import dataclasses
import re
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from evae_tf.bulk.addresses import is_local, local_path, resolve, shown, split_options, stated
from evae_tf.errors import InputError

ENDINGS = (".parquet", ".pq", ".csv", ".tsv")
COLUMN = "image"

_SEPARATORS = ",;\t"
_CSV = -1  # instead of a row group: the whole file


@dataclasses.dataclass(frozen=True)
class Tables:
    """Tables whose headers are valid.

    Attributes:
      pieces: (address of a table, row group); each is read separately.
    """

    pieces: list[tuple[str, int]]


def opened(addresses: Sequence[str]) -> Tables:
    """The pieces of some tables, from the headers.

    Raises:
      InputError: a table is missing, damaged or without a text column `image`; or there is no
        table with a row.
    """
    pieces = list[tuple[str, int]]()
    for address in addresses:
        address = local_path(address) if is_local(address) else address
        if _is_csv(address):
            if any(read(address, _CSV, 1)):
                pieces.append((address, _CSV))
            continue
        with stated(address):
            filesystem, path = resolve(address)
            with pq.ParquetFile(path, filesystem=filesystem) as file:
                _check(address, file.schema_arrow)
                if file.metadata.num_rows:
                    pieces += [(address, group) for group in range(file.num_row_groups)]
    if not pieces:
        names = ", ".join(map(shown, addresses[:3]))
        raise InputError(f"{names or 'the glob'}: no table with a row found.")
    return Tables(pieces)


def read(address: str, row_group: int, size: int) -> Iterator[list[str]]:
    """Yields the addresses of a piece, about `size` at a time; empty ones are skipped.

    Relative addresses are resolved against the table's folder.

    Raises:
      InputError: see `opened`.
    """
    with stated(address):
        filesystem, path = resolve(address)
        if row_group == _CSV:
            with filesystem.open_input_stream(path, compression=None) as file:
                delimiter = _delimiter(address, file.read(2**16))
            with filesystem.open_input_stream(path, compression=None) as file:
                for batch in _csv_batches(file, delimiter):
                    yield _absolute(address, batch[COLUMN])
            return
        with pq.ParquetFile(path, filesystem=filesystem) as file:
            for batch in file.iter_batches(size, row_groups=[row_group], columns=[COLUMN]):
                yield _absolute(address, batch[COLUMN])


def _delimiter(address: str, start: bytes) -> str:
    """The character between the columns of a CSV file that begins with `start`."""
    first_line = start.split(b"\n", 1)[0].decode(errors="replace")
    names = re.split(f"[{_SEPARATORS}]", first_line.lstrip("\ufeff"))
    if COLUMN not in [name.strip().strip('"') for name in names]:
        raise InputError(f"{shown(address)}: the header {first_line[:100]!r} lacks {COLUMN}.")
    return max(_SEPARATORS, key=first_line.count)


def _csv_batches(file: pa.NativeFile, delimiter: str) -> Iterator[pa.RecordBatch]:
    yield from pyarrow.csv.open_csv(
        file,
        parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter),
        convert_options=pyarrow.csv.ConvertOptions(
            include_columns=[COLUMN], column_types={COLUMN: pa.string()}
        ),
    )


def _check(address: str, schema: pa.Schema) -> None:
    if COLUMN not in schema.names:
        raise InputError(
            f"{shown(address)}: has the columns {schema.names[:10]}, expected {COLUMN}."
        )
    kind = schema.field(COLUMN).type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise InputError(f"{shown(address)}: the column {COLUMN} holds {kind}, expected text.")


def _absolute(table: str, column: pa.Array) -> list[str]:
    name, options = split_options(table)
    folder = name.rpartition("/")[0]
    return [
        address if "://" in address or address.startswith("/") else f"{folder}/{address}{options}"
        for address in column.to_pylist()
        if address
    ]


def _is_csv(address: str) -> bool:
    return split_options(address)[0].lower().endswith((".csv", ".tsv"))
