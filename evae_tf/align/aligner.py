"""The public API for photos: finds the faces of an image and their landmarks."""

from collections.abc import Sequence
from os import PathLike

import numpy as np
import numpy.typing as npt

from evae_tf import arguments, geometry
from evae_tf.align import detection
from evae_tf.align.aligned_face import SAME_FACE, AlignedFace
from evae_tf.align.detections import Detections, checked
from evae_tf.align.inputs import ImageLike, known_boxes, rgb_image
from evae_tf.align.passes import faces_around, faces_in_boxes
from evae_tf.array_types import ByteArray
from evae_tf.artifacts.predictors import Predictor, open_model
from evae_tf.errors import InputError, UsageError
from evae_tf.markups import Markup

MIN_SCORE = 0.34  # of `AlignedFace.confidence`; RESULTS.md has the error rates


class Aligner:
    """Finds every face of an image and its landmarks.

    An aligner is thread-safe; a user-defined detector has to be so too. It can be pickled, as
    `multiprocessing` does: the other process opens the files again.

    Args:
      predictor: a model opened by `open_model`.
      detector: see `align.detection`.
      passes: 2 aligns each face again, in an upright crop around the landmarks of the first pass.
      min_score: detections below this `confidence` are dropped, see `AlignedFace`; None: the
        detector's `min_confidence`, or `MIN_SCORE`.
      max_faces: maximum number of faces per image, best scores first; None: no limit.

    Raises:
      InputError: an argument is out of range, or the model has only one landmark.
    """

    def __init__(
        self,
        predictor: Predictor,
        detector: detection.Detector,
        *,
        passes: int = 2,
        min_score: float | None = None,
        max_faces: int | None = None,
    ) -> None:
        if not (hasattr(predictor, "metadata") and callable(detector)):
            found = f"{type(predictor).__name__} and {type(detector).__name__}"
            raise UsageError(
                f"found {found}, expected a predictor of open_model and a detector; "
                "Aligner.load opens them."
            )
        arguments.whole_number("passes", passes, 1, 2)
        least: float = getattr(detector, "min_confidence", MIN_SCORE)
        min_score = least if min_score is None else min_score
        arguments.number("min_score", min_score, 0, 1)
        if max_faces is not None:
            arguments.whole_number("max_faces", max_faces)
        if predictor.metadata.markup.num_points < 2:
            raise InputError(
                "the model has one landmark; expected two or more, to measure the size of a face."
            )
        self.predictor = predictor
        self.detector = detector
        self.passes = passes
        self.min_score = min_score
        self.max_faces = max_faces

    @classmethod
    def load(
        cls,
        model: str | PathLike[str] = "mobile_68",
        *,
        detector: str | detection.Detector = "auto",
        detector_model: str | PathLike[str] | None = None,
        passes: int = 2,
        num_threads: int = 1,
        min_score: float | None = None,
        max_faces: int | None = None,
    ) -> "Aligner":
        """Opens a model file and creates an aligner.

        Args:
          model: a `.keras`, `.tflite` or `.onnx` file, a SavedModel folder, or the name of a
            shipped model.
          detector: one of `detection.DETECTORS`, or a function of an image, uint8 [H, W, 3] in
            RGB. It returns `Detections`; or boxes [N, 4], (x_min, y_min, x_max, y_max) in image
            pixels, about as tight as landmark boxes; or [N, 5] with a score from 0 to 1 each.
          detector_model: the model file of `yunet`, or one that replaces the default of `tflite`.
          passes: see the class.
          num_threads: threads of a `.tflite` or `.onnx` model and of the detector.
          min_score: see the class.
          max_faces: see the class.

        Raises:
          InputError: a file cannot be used, a name is unknown, or an argument is out of range.
        """
        predictor = open_model(model, num_threads)
        found = (
            detector
            if callable(detector)
            else detection.create(detector, detector_model, num_threads)
        )
        return cls(
            predictor,
            found,
            passes=passes,
            min_score=min_score,
            max_faces=max_faces,
        )

    @property
    def markup(self) -> Markup:
        """The `Markup` of the landmarks."""
        return self.predictor.metadata.markup

    def __call__(self, image: ImageLike, boxes: npt.ArrayLike | None = None) -> list[AlignedFace]:
        """The faces of one image.

        Args:
          image: the path of an image file, a PIL image, or an array of uint8 or of floats in
            [0, 1], RGB [H, W, 3] or another layout of `inputs.rgb_image`.
          boxes: float [N, 4], (x_min, y_min, x_max, y_max) in image pixels: known faces, about as
            tight as landmark boxes; None runs the detector. They are trusted more than detections,
            see `align.passes`.

        Returns:
          List of `AlignedFace`, by descending score. With `boxes`, one face for each box in the
          same order, regardless of `min_score` and `max_faces`.

        Raises:
          InputError: the image cannot be used, a box is empty or outside it, or a user-defined
            detector returns anything else than `Aligner.load` describes.
        """
        return self.batch([image], None if boxes is None else [boxes])[0]

    def batch(
        self, images: Sequence[ImageLike], boxes: Sequence[npt.ArrayLike] | None = None
    ) -> list[list[AlignedFace]]:
        """The faces of many images; their crops form one batch. See `__call__`.

        Args:
          images: list of images as in `__call__`.
          boxes: list with the boxes of each image, or None.

        Returns:
          List of lists of `AlignedFace`.

        Raises:
          InputError: as in `__call__`, or the lists differ in length.
        """
        pixels = [rgb_image(image) for image in arguments.items("images", images, object, "images")]
        if boxes is None:
            return self._search(pixels)
        boxes = arguments.items("boxes", boxes, object, "boxes for each image")
        if len(boxes) != len(pixels):
            raise InputError(f"found boxes for {len(boxes)} images, expected {len(pixels)}.")
        known = [
            Detections(known_boxes(some, image)) for some, image in zip(boxes, pixels, strict=True)
        ]
        return faces_in_boxes(self.predictor, pixels, known, passes=self.passes, known=True)

    def follow(self, image: ImageLike, faces: Sequence[AlignedFace]) -> list[AlignedFace]:
        """Finds the faces of the previous video frame in the next one, without a detector.

        Args:
          image: see `__call__`.
          faces: list of `AlignedFace` of the previous frame; a crop is cut around each.

        Returns:
          List of `AlignedFace`, one for each of `faces`; `is_face` is false for a lost face.

        Raises:
          InputError: the image cannot be used, or `faces` is not a list of `AlignedFace`.
        """
        faces = arguments.items("faces", faces, AlignedFace, "aligned faces")
        images = [rgb_image(image)] * len(faces)
        return faces_around(self.predictor, images, [face.landmarks for face in faces])

    def is_face(self, face: AlignedFace) -> bool:
        """Whether `face.confidence` reaches `min_score`."""
        return face.confidence >= self.min_score

    def search(self, image: ImageLike, known: Sequence[AlignedFace]) -> list[AlignedFace]:
        """Detects and aligns the faces of an image that are not known yet.

        Args:
          image: see `__call__`.
          known: list of `AlignedFace` of the same image; detections of these are skipped.

        Returns:
          List of `AlignedFace`, best first.

        Raises:
          InputError: the image cannot be used, or `known` is not a list of `AlignedFace`.
        """
        known = arguments.items("known", known, AlignedFace, "aligned faces")
        pixels = rgb_image(image)
        found = checked(self.detector(pixels), "the detector")
        if known:
            boxes = np.stack([face.box for face in known])
            ours, theirs = (geometry.square_around(each, 0.0) for each in (boxes, found.boxes))
            shared = geometry.squares_overlap(theirs[:, None], ours[None])
            found = found.picked(np.all(shared <= SAME_FACE, axis=1))
        (aligned,) = faces_in_boxes(
            self.predictor, [pixels], [found], passes=self.passes, known=False
        )
        return self._best(aligned, known)

    def _search(self, images: list[ByteArray]) -> list[list[AlignedFace]]:
        """Detects and aligns the faces of each image, best first."""
        found = [checked(self.detector(image), "the detector") for image in images]
        aligned = faces_in_boxes(self.predictor, images, found, passes=self.passes, known=False)
        return [self._best(candidates) for candidates in aligned]

    def _best(
        self, candidates: list[AlignedFace], known: Sequence[AlignedFace] = ()
    ) -> list[AlignedFace]:
        """Candidates with enough confidence, best first, without duplicates."""
        kept: list[AlignedFace] = []
        for face in sorted(candidates, key=lambda face: -face.score):
            if len(kept) == self.max_faces:
                break
            if self.is_face(face) and not any(face.is_same(other) for other in [*known, *kept]):
                kept.append(face)
        return kept
