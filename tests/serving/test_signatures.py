"""Version folders for TensorFlow Serving, compared with Keras on a real photo."""

import io
import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from benchmarks import damaged_images
from evae_tf import geometry
from evae_tf.artifacts import keras_file
from evae_tf.artifacts.predictors import open_model
from evae_tf.presets import PRESETS
from evae_tf.serving import signatures, warm_up
from tests.golden import vectors

BOX = (183.0, 158.0, 347.0, 335.0)  # of the face in the portrait
SIZE, MARGIN = PRESETS["mobile"].input_size, 0.25
SIGNATURES = {"serving_default", "predict_uint8", "align_bytes"}


@pytest.fixture(scope="module")
def loaded(served):
    return tf.saved_model.load(str(served[1]))


def encoded(image, kind="PNG", **options):
    content = io.BytesIO()
    Image.fromarray(image).save(content, kind, **options)
    return content.getvalue()


def crop(portrait):
    square = geometry.square_around(np.float32(BOX), MARGIN)
    return geometry.cut_square(portrait, square, SIZE), square


def ask(loaded, signature, **inputs):
    answers = loaded.signatures[signature](**inputs)
    return {name: value.numpy() for name, value in answers.items()}


def align(loaded, files, boxes):
    return ask(
        loaded,
        "align_bytes",
        image_bytes=tf.constant(files),
        boxes=tf.constant(boxes, tf.float32),
    )


def test_a_version_is_all_that_a_server_wants(served):
    entry, folder = served
    assert entry["path"] == "1"
    assert (folder / "saved_model.pb").is_file()
    assert set(tf.saved_model.load(str(folder)).signatures) == SIGNATURES
    assert entry["signatures"]["predict_uint8"] < 1e-5
    assert entry["signatures"]["align_bytes"] < 5e-3
    assert open_model(folder).metadata.markup.name == "ibug_68"
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".")] == []


def test_signatures_agree_with_the_keras_model_on_a_photo(loaded, portrait):
    pixels, square = crop(portrait)
    expected = keras_file.load_pretrained("mobile_68").predict(pixels[None] / 255, verbose=0)
    floats = ask(loaded, "serving_default", images=tf.constant(np.float32(pixels[None] / 255)))
    whole = ask(loaded, "predict_uint8", images=tf.constant(pixels[None]))
    assert set(floats) == set(whole) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(floats[name], values, atol=1e-4 * np.abs(values).max())
        np.testing.assert_allclose(whole[name], values, atol=1e-4 * np.abs(values).max())

    found = align(loaded, [encoded(portrait)], [BOX])
    assert set(found) == {"valid", "landmarks", "covariance", "visibility", "presence"}
    assert found["valid"].tolist() == [True]
    side = square[2]
    in_pixels = geometry.crop_to_image(expected["landmarks"], square[None])
    # Its crop differs from OpenCV's by fractions of a grey value.
    assert np.abs(found["landmarks"] - in_pixels).max() < 0.002 * side
    covariance = expected["covariance"] * side**2
    difference = np.abs(found["covariance"] - covariance).max(axis=(2, 3))
    assert np.all(difference < 0.05 * np.trace(covariance, axis1=2, axis2=3))
    for name in ("visibility", "presence"):
        np.testing.assert_allclose(found[name], expected[name], atol=0.02)


@pytest.mark.parametrize(
    ("signature", "inputs"),
    [
        ("serving_default", {"images": tf.zeros((0, SIZE, SIZE, 3))}),
        ("predict_uint8", {"images": tf.zeros((0, SIZE, SIZE, 3), tf.uint8)}),
        ("align_bytes", {"image_bytes": tf.constant([], tf.string), "boxes": tf.zeros((0, 4))}),
    ],
)
def test_no_rows_are_answered_with_no_rows(loaded, signature, inputs):
    found = ask(loaded, signature, **inputs)
    shapes = {"landmarks": (0, 68, 2), "covariance": (0, 68, 2, 2), "visibility": (0, 68)}
    shapes["presence"] = (0,)
    extra = {"valid": (0,)} if signature == "align_bytes" else {"response_maps": (0, 36, 36, 68)}
    assert {name: value.shape for name, value in found.items()} == shapes | extra


def test_outputs_in_pixels_are_the_golden_ones():
    """Those of squares that are not rotated, since a server rotates none."""
    points, spreads = (
        vectors.VECTORS[name][0] for name in ("crop_to_image", "covariance_to_image")
    )
    assert points["given"]["angle"] == spreads["given"]["angle"] == 0
    assert points["given"]["square"] == spreads["given"]["square"]
    matrix = [[[0, 1], [1, 2]]]  # indices of its numbers
    outputs = {
        "landmarks": np.float32([points["given"]["fractions"]]),
        "covariance": np.float32([spreads["given"]["covariance"]])[:, matrix],
        "visibility": np.float32([[0.3]]),
        "response_maps": np.zeros((1, 8, 8, 1), np.float32),
    }
    square = tf.constant([points["given"]["square"]], tf.float32)
    found = signatures.in_pixels({k: tf.constant(v) for k, v in outputs.items()}, square)
    assert found.keys() == outputs.keys() - {"response_maps"}
    np.testing.assert_allclose(found["landmarks"][0], points["expected"], rtol=1e-5)
    expected = np.array(spreads["expected"])[matrix]
    np.testing.assert_allclose(found["covariance"][0], expected, rtol=1e-5)
    assert found["visibility"] == np.float32(0.3)


def test_exif_rotation_is_applied(loaded, portrait):
    """The same image, stored rotated, with the EXIF tag."""
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate clockwise by 90 degrees
    lying = encoded(np.rot90(portrait), "JPEG", quality=98, exif=exif)
    upright = encoded(portrait, "JPEG", quality=98)
    found = align(loaded, [lying, upright], [BOX, BOX])["landmarks"]
    assert np.abs(found[0] - found[1]).max() < 0.5


def test_a_broken_image_spoils_its_own_row(loaded, portrait):
    good = encoded(portrait, "JPEG")
    files = [good, good[:5000], encoded(portrait)[:9000], b"words", b"", good]
    found = align(loaded, files, [BOX] * 5 + [(0, 0, 0, 0)])
    assert found["valid"].tolist() == [True] + [False] * 5
    alone = align(loaded, [good], [BOX])
    for name in ("landmarks", "covariance", "visibility"):
        np.testing.assert_allclose(found[name][0], alone[name][0], rtol=1e-4, atol=1e-4)
        assert np.isnan(found[name][1:]).all()


def test_a_session_runs_it(served, loaded, portrait):
    """TensorFlow Serving runs a graph in a session, which uses other code of TensorFlow."""
    good = encoded(portrait, "JPEG")
    files = [good[:5000], good]
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        graph = tf.compat.v1.saved_model.load(session, ["serve"], str(served[1]))
        signature = graph.signature_def["align_bytes"]

        def run(files, boxes):
            fed = {"image_bytes": np.array(files, object), "boxes": np.float32(boxes)}
            fed = {signature.inputs[name].name: value for name, value in fed.items()}
            return session.run({k: v.name for k, v in signature.outputs.items()}, fed)

        found, none = run(files, [BOX, BOX]), run([], np.zeros((0, 4)))
    expected = align(loaded, files, [BOX, BOX])
    assert found["valid"].tolist() == [False, True]
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-4)
        assert none[name].shape == (0, *values.shape[1:])


def test_it_is_made_of_operations_that_a_model_server_has(served):
    """No operation calls Python, and all rows share one pipeline."""
    content = saved_model_pb2.SavedModel.FromString((served[1] / "saved_model.pb").read_bytes())
    library = content.meta_graphs[0].graph_def.library.function
    operations = [node.op for function in library for node in function.node_def]
    assert not {"PyFunc", "PyFuncStateless", "EagerPyFunc"} & set(operations)
    assert operations.count("MapDataset") == operations.count("DatasetToSingleElement") == 1
    assert "ReduceDataset" not in operations


def test_damaged_files_spoil_their_own_rows(loaded):
    """`benchmarks.fuzz_serving` sends 2,000 of them."""
    found = damaged_images.send_damaged(loaded.signatures["align_bytes"], 150, seed=3)
    assert found["files"] == 150
    assert 0 < found["valid"] < 75


def test_warm_up_requests_are_answered(served, loaded):
    records = tf.data.TFRecordDataset(str(served[1] / warm_up.WARM_UP_REQUESTS))
    asked = []
    for record in records.as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        assert request.model_spec.name == "evae_landmarks"
        name = request.model_spec.signature_name
        inputs = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
        answer = ask(loaded, name, **{key: tf.constant(value) for key, value in inputs.items()})
        assert np.isfinite(answer["landmarks"]).all()
        assert answer.get("valid", np.array(True)).all()
        asked.append((name, len(answer["landmarks"])))
    assert sorted(asked) == sorted((name, n) for name in SIGNATURES for n in (1, 4))


_WITH_TENSORFLOW_ALONE = """
import sys
sys.modules.update(dict.fromkeys(["keras", "tf_keras", "tensorflow_probability", "evae_tf"]))
import numpy as np, tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
photo = tf.constant([open(sys.argv[2], "rb").read()] * 2)
boxes = tf.constant([[float(v) for v in sys.argv[3].split(",")]] * 2)
found = loaded.signatures["align_bytes"](image_bytes=photo, boxes=boxes)
print(found["landmarks"].numpy().tolist())
side = int(sys.argv[4])
wrong = {
    "serving_default": [
        dict(images=tf.zeros((2, side - 1, side, 3))),
        dict(images=tf.zeros((side, side, 3))),
    ],
    "predict_uint8": [dict(images=tf.zeros((2, side, side, 4), tf.uint8))],
    "align_bytes": [
        dict(image_bytes=photo, boxes=tf.zeros((2, 5))),
        dict(image_bytes=photo[None], boxes=boxes),
        dict(image_bytes=photo, boxes=boxes[:1]),
        dict(image_bytes=photo[:1], boxes=boxes),
    ],
}
for name, calls in wrong.items():
    for inputs in calls:
        try:
            loaded.signatures[name](**inputs)
        except tf.errors.InvalidArgumentError:
            print("refused")
"""


def test_it_needs_tensorflow_alone(served, loaded, tmp_path, portrait):
    """A tensor of the wrong shape is an error instead of an abort."""
    (tmp_path / "photo.png").write_bytes(encoded(portrait))
    box = ",".join(map(str, BOX))
    arguments = [str(served[1]), str(tmp_path / "photo.png"), box, str(SIZE)]
    done = subprocess.run(
        [sys.executable, "-c", _WITH_TENSORFLOW_ALONE, *arguments], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    answer, *refused = done.stdout.splitlines()
    assert refused == ["refused"] * 7
    expected = align(loaded, [encoded(portrait)] * 2, [BOX] * 2)["landmarks"]
    np.testing.assert_allclose(json.loads(answer), expected, atol=1e-3)
