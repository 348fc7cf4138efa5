"""The files of a reader: photos, a video, annotations and data sets, all of drawn faces."""

import csv
import shutil

import cv2
from PIL import Image

from benchmarks import layouts
from evae_tf.data import synthetic
from evae_tf.geometry import BOX_COLUMNS
from evae_tf.markups import MARKUPS
from tests.portrait import PORTRAIT

COUNT = 20  # faces of each data set: int8 is calibrated on ten or more
# The points of `mine.json` among those of mtfl_5.
EYES_AND_NOSE = [0, 1, 2]


def write_photos(folder):
    """A photo, a folder of photos, their boxes, and a video."""
    shutil.copy(PORTRAIT, folder / "photo.jpg")
    frame = cv2.imread(str(PORTRAIT))
    size = frame.shape[1::-1]
    video = cv2.VideoWriter(str(folder / "clip.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 25.0, size)
    for _ in range(3):
        video.write(frame)
    video.release()
    (folder / "photos").mkdir()
    with (folder / "boxes.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", *BOX_COLUMNS])
        for number, face in enumerate(synthetic.read("test", MARKUPS["ibug_68"], count=2)):
            Image.fromarray(face.image).save(folder / "photos" / f"{number}.jpg")
            table.writerow([f"photos/{number}.jpg", *face.box])


def write_annotations(folder):
    """The table of the pages about points of one's own."""
    (folder / "faces").mkdir()
    with (folder / "faces.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", *(f"{axis}{i}" for i in range(3) for axis in "xy")])
        for number, face in enumerate(synthetic.read("train", MARKUPS["mtfl_5"], count=COUNT)):
            Image.fromarray(face.image).save(folder / "faces" / f"{number}.png")
            points = face.landmarks[EYES_AND_NOSE]
            table.writerow([f"faces/{number}.png", *points.ravel()])


def write_data_sets(folder):
    """300-W, MTFL and MERL-RAV as they are released, of drawn faces: DIR on the pages."""
    faces = synthetic.read("train", MARKUPS["ibug_68"], count=COUNT)
    names = layouts.write_300w(folder, faces)[: COUNT // 2]
    five = synthetic.read("train", MARKUPS["mtfl_5"], count=COUNT)
    names += layouts.write_mtfl_with_boxes(folder, five)[: COUNT // 2]
    (folder / "val.txt").write_text("\n".join(names))
    layouts.write_merl_rav(folder, faces)
    for part in ("lfpw", "merl_rav_organized/frontal"):
        shutil.copytree(folder / part / "trainset", folder / part / "testset")
