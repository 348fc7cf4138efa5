"""Landmarks from a model server: a photo in, its faces with landmarks out, as JSON.

python serving/client.py --server=localhost:8500 --input=photo.jpg
python serving/client.py --server=localhost:8501 --protocol=rest --input=photo.jpg
"""

import json

from absl import flags

from evae_tf.cli.run import run, start_tensorflow
from evae_tf.errors import InputError

FLAGS = flags.FLAGS
flags.DEFINE_string("server", "localhost:8500", "HOST:PORT; 8500 is usual for gRPC, 8501 for REST.")
flags.DEFINE_enum("protocol", "grpc", ["grpc", "rest"], "How to talk to it.")
flags.DEFINE_string("model_name", "evae_landmarks", "What the server calls the model.")
flags.DEFINE_string("input", None, "A photo, JPEG or PNG.", required=True)
flags.DEFINE_list("box", None, "x_min,y_min,x_max,y_max of the face in pixels, if it is known.")
flags.DEFINE_float("timeout", 10.0, "Seconds to wait for an answer.", lower_bound=0.001)


def main():
    """Prints the faces as JSON."""
    boxes = None if FLAGS.box is None else [_numbers(FLAGS.box)]
    start_tensorflow()
    from evae_tf import serving_client

    client = serving_client.CLIENTS[FLAGS.protocol](FLAGS.server, FLAGS.model_name, FLAGS.timeout)
    try:
        faces = serving_client.align_photo(client, FLAGS.input, boxes)
    finally:
        client.close()
    print(json.dumps({"image": FLAGS.input, "faces": faces}, indent=2, allow_nan=False))


def _numbers(box):
    try:
        x_min, y_min, x_max, y_max = map(float, box)
    except ValueError as error:
        raise InputError(
            f"--box={','.join(box)}: expected four numbers, x_min,y_min,x_max,y_max."
        ) from error
    return [x_min, y_min, x_max, y_max]


if __name__ == "__main__":
    run(main, __doc__)
