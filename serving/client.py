"""Sends a photo to a model server and prints its faces with landmarks, as JSON.

python serving/client.py --server=localhost:8500 --input=photo.jpg
python serving/client.py --server=localhost:8501 --protocol=rest --input=photo.jpg
"""

import json
import sys
from pathlib import Path

from absl import flags

# Like the scripts in the root, it runs from a clone without installing the package.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from evae_tf.cli.path_flags import define_path  # noqa: E402
from evae_tf.cli.run import run  # noqa: E402
from evae_tf.errors import UsageError  # noqa: E402

FLAGS = flags.FLAGS
flags.DEFINE_string("server", "localhost:8500", "HOST:PORT; usual ports: 8500 (gRPC), 8501 (REST).")
flags.DEFINE_enum("protocol", "grpc", ["grpc", "rest"], "Protocol of the server.")
flags.DEFINE_string("model_name", "evae_landmarks", "Name of the model on the server.")
define_path("input", None, "A photo, JPEG or PNG.", required=True)
flags.DEFINE_list("box", None, "x_min,y_min,x_max,y_max of the face in pixels, if known.")
flags.DEFINE_list(
    "face_box", ["0", "0", "1"], "face_box of assets.extra/evae_tf.json in the served version."
)
flags.DEFINE_float("timeout", 10.0, "Seconds to wait for an answer.", lower_bound=0.001)


def main() -> None:
    """Prints the faces as JSON."""
    boxes = None if FLAGS.box is None else [_numbers("box", FLAGS.box, "x_min,y_min,x_max,y_max")]
    x, y, scale = _numbers("face_box", FLAGS.face_box, "x,y,scale")
    from evae_tf.serving.client import CLIENTS, align_photo

    client = CLIENTS[FLAGS.protocol](FLAGS.server, FLAGS.model_name, FLAGS.timeout)
    try:
        faces = align_photo(client, FLAGS.input, boxes, (x, y, scale))
    finally:
        client.close()
    print(json.dumps({"image": FLAGS.input, "faces": faces}, indent=2, allow_nan=False))


def _numbers(name: str, words: list[str], expected: str) -> list[float]:
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = []
    if len(numbers) != len(expected.split(",")):
        raise UsageError(f"--{name}={','.join(words)}: expected the numbers {expected}.")
    return numbers


if __name__ == "__main__":
    run(main, __doc__)
