"""The public API for photos: an image in, its faces with landmarks out."""

import numpy as np

from evae_tf import geometry
from evae_tf.align import detection
from evae_tf.align.aligned_face import AlignedFace
from evae_tf.align.face_score import face_score, probe_squares
from evae_tf.align.upright import upright_squares
from evae_tf.artifacts.predictors import open_model
from evae_tf.data.images import read_image
from evae_tf.errors import InputError

MIN_SCORE = 0.5


class Aligner:
    """Finds every face of an image and its landmarks.

    Args:
      predictor: of `predictors.open_model`.
      detector: see `align.detection`.
      passes: 2 looks again, at an upright crop around the landmarks of the first look.

    Raises:
      InputError: `passes` is neither 1 nor 2, or the model has but one landmark.
    """

    def __init__(self, predictor, detector, passes=2):
        if passes not in (1, 2):
            raise InputError(f"passes={passes}: expected 1 or 2.")
        if predictor.metadata.markup.num_points < 2:
            raise InputError("the model has one landmark, which does not tell how large a face is.")
        self.predictor = predictor
        self.detector = detector
        self.passes = passes

    @classmethod
    def load(cls, model="mobile_68", detector="haar", detector_model=None, passes=2, num_threads=1):
        """An aligner with the model in a file.

        Args:
          model: a `.keras` file, a SavedModel folder, a `.tflite` file or a shipped model's name.
          detector: one of `detection.DETECTORS`.
          detector_model: the file of the detector `yunet`.
          passes: see the class.
          num_threads: for a `.tflite` file.

        Raises:
          InputError: a file cannot be used, or a name is unknown.
        """
        found = detection.create(detector, detector_model)
        return cls(open_model(model, num_threads), found, passes)

    @property
    def markup(self):
        """The `Markup` of the landmarks."""
        return self.predictor.metadata.markup

    def __call__(self, image, boxes=None):
        """The faces of one image.

        Args:
          image: uint8 [H, W, 3], RGB, or the path of an image file.
          boxes: float [N, 4], (x_min, y_min, x_max, y_max) in image pixels, of faces that are
            known, about as tight as those around landmarks; None finds them.

        Returns:
          List of `AlignedFace`, by falling score. Given boxes give a face each, in their order,
          whatever its score.

        Raises:
          InputError: the file cannot be read, or a box is empty or outside the image.
        """
        return self.batch([image], None if boxes is None else [boxes])[0]

    def batch(self, images, boxes=None):
        """The faces of many images, whose crops go through the model together; see `__call__`.

        Args:
          images: list of what `__call__` takes.
          boxes: list of boxes for each image, or None.

        Returns:
          List of lists of `AlignedFace`.
        """
        images = [_checked_image(image) for image in images]
        if boxes is not None:
            known = [_checked_boxes(box, image) for box, image in zip(boxes, images, strict=True)]
            return self._align(images, known)
        faces = [[] for _ in images]
        rounds = {index: self.detector(image) for index, image in enumerate(images)}
        while rounds:
            found = {index: next(later, None) for index, later in rounds.items()}
            rounds = {index: rounds[index] for index in rounds if found[index] is not None}
            if not rounds:
                break
            aligned = self._align([images[i] for i in rounds], [found[i] for i in rounds])
            for index, candidates in zip(list(rounds), aligned, strict=True):
                faces[index] = _distinct(candidates)
                if faces[index]:
                    del rounds[index]
        return faces

    def follow(self, image, faces):
        """Faces of a video's last frame, found again in its next one without a detector.

        Args:
          image: uint8 [H, W, 3], RGB.
          faces: list of `AlignedFace` of the frame before, around whose landmarks is looked.

        Returns:
          List of `AlignedFace`, one for each; where a face is gone, with a score below `MIN_SCORE`.
        """
        if not faces:
            return []
        landmarks = np.stack([face.landmarks for face in faces])
        squares, angles = self._upright(landmarks)
        return self._faces([_checked_image(image)] * len(faces), squares, angles)

    def _align(self, images, boxes):
        """List of lists of `AlignedFace`, one for each box, in their order."""
        owners = np.repeat(np.arange(len(images)), [len(group) for group in boxes])
        aligned = [[] for _ in images]
        if not len(owners):
            return aligned
        sources = [images[owner] for owner in owners]
        margin = self.predictor.metadata.crop_margin
        squares = geometry.square_around(np.concatenate(boxes), margin)
        angles = np.zeros(len(squares), np.float32)
        if self.passes == 2:
            landmarks, _ = self._look(sources, squares, angles)
            squares, angles = self._upright(landmarks)
        for owner, face in zip(owners, self._faces(sources, squares, angles), strict=True):
            aligned[owner].append(face)
        return aligned

    def _upright(self, landmarks):
        metadata = self.predictor.metadata
        return upright_squares(landmarks, self.markup, metadata.crop_margin, metadata.face_box)

    def _faces(self, images, squares, angles):
        """An `AlignedFace` for each square of each image."""
        landmarks, outputs = self._look(images, squares, angles)
        probed = [self._look(images, *probe)[0] for probe in probe_squares(squares, angles)]
        scores = face_score(landmarks, probed, squares)
        boxes = geometry.box_of_landmarks(landmarks, self.predictor.metadata.face_box)
        return [
            AlignedFace(
                landmarks[index],
                boxes[index],
                float(scores[index]),
                self.markup,
                image,
                **_in_pixels(outputs, index, squares[index], angles[index]),
            )
            for index, image in enumerate(images)
        ]

    def _look(self, images, squares, angles):
        """(landmarks [N, K, 2] in image pixels, the model's other outputs)."""
        size = self.predictor.metadata.input_size
        crops = [
            geometry.cut_square(image, square, size, float(angle))
            for image, square, angle in zip(images, squares, angles, strict=True)
        ]
        outputs = dict(self.predictor.predict(np.stack(crops).astype(np.float32) / 255))
        return geometry.crop_to_image(outputs.pop("landmarks"), squares, angles), outputs


def _in_pixels(outputs, index, square, angle):
    """A face's further outputs, brought from its crop to its image."""
    fields = {}
    if "covariance" in outputs:
        # Both axes of each matrix are turned.
        turned = geometry.rotate(geometry.rotate(outputs["covariance"][index], angle).mT, angle)
        fields["covariance"] = turned.mT * square[2] ** 2
    if "visibility" in outputs:
        fields["visibility"] = outputs["visibility"][index]
    return fields


def _checked_image(image):
    if not isinstance(image, np.ndarray):
        return read_image(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise InputError(
            f"an image of shape {image.shape} and type {image.dtype}; expected uint8 [H, W, 3]."
        )
    return image


def _checked_boxes(boxes, image):
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    height, width = image.shape[:2]
    low, high = boxes[:, :2], boxes[:, 2:]
    good = np.isfinite(boxes).all(axis=1) & (high > low).all(axis=1)
    good &= (low < (width, height)).all(axis=1) & (high > 0).all(axis=1)
    if not good.all():
        wrong = boxes[~good][0].tolist()
        raise InputError(
            f"box {wrong} is empty or outside the image of {width} x {height} pixels; expected "
            "(x_min, y_min, x_max, y_max)."
        )
    return boxes


def _distinct(candidates):
    """Candidates that are faces, the best first, without second finds of the same one."""
    kept = []
    for face in sorted(candidates, key=lambda face: -face.score):
        if not face.score >= MIN_SCORE:
            break
        if not any(face.is_same(other) for other in kept):
            kept.append(face)
    return kept
