"""The Python API, in a pipeline of one's own."""

import os

import numpy as np
import pytest

from evae_tf import Aligner
from evae_tf.bulk import align_dataset
from evae_tf.errors import InputError, UsageError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def ray():
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield ray
    ray.shutdown()


@pytest.fixture(scope="module")
def expected(names):
    aligner = Aligner.load("mobile_68")
    return {name: aligner(name) for name in names[:12]}


def check(found, expected):
    assert {row["image"] for row in found} == set(expected)
    for name, faces in expected.items():
        ours = [row for row in found if row["image"] == name and row["face"] is not None]
        assert [row["face"] for row in ours] == list(range(len(faces)))
        for row, face in zip(ours, faces, strict=True):
            np.testing.assert_allclose(row["landmarks"], face.landmarks, atol=1e-4)


def test_addresses_become_faces(ray, names, expected):
    dataset = ray.data.from_items([{"image": name, "mine": 1} for name in names[:12]])
    check(align_dataset(dataset, workers=1).take_all(), expected)


def test_contents_become_faces(ray, names, expected):
    dataset = ray.data.read_binary_files(names[:12], include_paths=True)
    dataset = dataset.rename_columns({"path": "image"})
    check(align_dataset(dataset).take_all(), expected)


def test_what_cannot_be_done_is_said_before_it_begins(ray):
    dataset = ray.data.from_items([{"photo": "a.png"}])
    with pytest.raises(UsageError, match="expected image"):
        align_dataset(dataset)
    with pytest.raises(InputError, match="known: "):
        align_dataset(ray.data.from_items([{"image": "a.png"}]), model="none")


class Broken:
    """A worker on a machine where the package is installed by half."""

    def __init__(self):
        raise ImportError("half an installation")

    def __call__(self, batch):
        return batch


def test_a_worker_that_cannot_start_is_no_worker_without_memory(ray):
    from evae_tf.bulk import failures

    pool = ray.data.ActorPoolStrategy(size=1)
    with pytest.raises(failures.RAISED) as caught:
        ray.data.range(1).map_batches(Broken, compute=pool, num_cpus=0.5).take_all()
    sentence = failures.sentence(caught.value)
    assert sentence.startswith("a worker cannot start on its node (")
    assert "half an installation" in sentence
