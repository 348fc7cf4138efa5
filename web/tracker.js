/**
 * Turns detections into faces, in photos and in videos.
 *
 * The landmark model runs in two passes, the second on an upright crop around the landmarks of the
 * first. `score` measures the quality of landmarks: the model's `presence`. For a model without it,
 * as in evae_tf/align/face_score.py: on a face, landmarks stay in place when the crop moves. The
 * criterion for a face is that of evae_tf/align/aligned_face.py.
 */

import { boxOfLandmarks, rotate, squareAround, squaresOverlap, uprightSquare } from "./geometry.js";

const MIN_CONFIDENCE = 0.37;
const MIN_POINTED = 0.5; // least score of a face that the user pointed at

const SIZES = [1.4, 1, 0.7, 0.5, 0.35, 0.25, 0.17]; // of the picture's shorter side, around a point
const CANDIDATES = 2; // sizes that get a second pass
const CHECK_EVERY = 5; // frames between two scores without presence, which take two more passes
const SEARCH_EVERY = 10; // frames
const SAME_CROP = 0.5; // see evae_tf/align/passes.py
const SAME_FACE = 0.4;
const STEADY = 0.5;

// Two further crops: rotated (radians), shifted (fractions of the side) and scaled.
const PROBES = [
  [0.2, [0.08, 0.05], 1.12],
  [-0.2, [-0.08, -0.05], 0.92],
];
const HALF = 0.035;
const STEEPNESS = 6;

/**
 * The faces of a photo, the best first.
 *
 * @param {Landmarker} landmarker
 * @param {Detector} detector
 * @param {ImageData} picture
 * @returns {Promise<object[]>} passes (see landmarker.js), each with its `score` and, if the
 *   detector found it, its `detectionScore`.
 */
export async function findFaces(landmarker, detector, picture) {
  const finds = await detector.detect(picture, true);
  const faces = await facesOf(landmarker, picture, finds, []);
  return faces.toSorted((one, other) => other.score - one.score);
}

/** The face at a point, in image pixels; tries squares of all sizes around it. */
export async function faceAt(landmarker, picture, [x, y]) {
  const shorter = Math.min(picture.width, picture.height);
  const passes = [];
  for (const size of SIZES) passes.push(await landmarker.run(picture, [x, y, size * shorter]));
  // Landmarks that collapse to a dot have a small deviation, so it is divided by the face's size.
  const doubt = (pass) => (pass.deviation * pass.square[2]) / tightSquare(pass)[2];
  passes.sort((one, other) => doubt(one) - doubt(other));
  let found = null;
  for (const first of passes.slice(0, CANDIDATES)) {
    const second = await passAround(landmarker, picture, first);
    const face = await scored(landmarker, picture, await passAround(landmarker, picture, second));
    if (face.score >= (found?.score ?? MIN_POINTED)) found = face;
  }
  return found;
}

/** The face in a box [x_min, y_min, x_max, y_max] that the user drew, whatever its score. */
export async function faceInBox(landmarker, picture, box) {
  const first = await landmarker.run(picture, squareAround(box, landmarker.margin));
  return scored(landmarker, picture, await passAround(landmarker, picture, first));
}

/** Whether both are the same face. */
export const isSame = (one, other) =>
  squaresOverlap(tightSquare(one), tightSquare(other)) > SAME_FACE;

/** Tracks the faces of a video. */
export class Tracker {
  constructor() {
    this.faces = [];
    this._frames = 0;
    this._next = 0;
  }

  /** Adds a face that the user pointed at. */
  add(face) {
    if (face && !this.faces.some((other) => isSame(face, other))) {
      this.faces.push({ ...face, id: this._next++ });
    }
  }

  /**
   * The faces in the next frame, each with its `id`. They are searched near their last position;
   * the detector runs from time to time and when a face is lost.
   */
  async next(landmarker, detector, frame) {
    const followed = [];
    const check = this._frames % CHECK_EVERY === 0;
    for (const before of this.faces) {
      const face = await passAround(landmarker, frame, before);
      if (check || face.presence !== undefined) await scored(landmarker, frame, face);
      else face.score = before.score;
      face.id = before.id;
      if (face.score >= MIN_CONFIDENCE && !followed.some((other) => isSame(face, other))) {
        followed.push(face);
      }
    }
    const isLost = followed.length < this.faces.length;
    this.faces = followed;
    if (!followed.length || isLost || this._frames % SEARCH_EVERY === 0) {
      const finds = await detector.detect(frame);
      for (const face of await facesOf(landmarker, frame, finds, followed)) this.add(face);
    }
    this._frames++;
    return this.faces;
  }
}

/** The faces among detections, without the known ones. */
async function facesOf(landmarker, picture, finds, known) {
  const faces = [];
  for (const { square, angle, score } of finds) {
    if (known.some((face) => squaresOverlap(tightSquare(face), square) > SAME_FACE)) continue;
    const [x, y, side] = square;
    const first = await landmarker.run(picture, [x, y, side * (1 + landmarker.margin)], angle);
    const second = await scored(landmarker, picture, await passAround(landmarker, picture, first));
    const isLost =
      second.score < STEADY && squaresOverlap(first.square, second.square) <= SAME_CROP;
    const face = isLost ? { ...first, score: second.score } : second;
    face.detectionScore = score;
    const isFace = (face.score + score) / 2 >= MIN_CONFIDENCE;
    if (isFace && ![...known, ...faces].some((other) => isSame(face, other))) faces.push(face);
  }
  return faces;
}

const tightSquare = ({ landmarks }) => squareAround(boxOfLandmarks(landmarks, [0, 0, 1]), 0);

function passAround(landmarker, picture, { landmarks }) {
  const { markup, margin, faceBox } = landmarker;
  const { square, angle } = uprightSquare(landmarks, markup, margin, faceBox);
  return landmarker.run(picture, square, angle);
}

/**
 * Adds the `score`: the `presence`. Without it, the score is 0.5 if landmarks move by 3.5 % of the
 * crop when the crop moves; this takes two more passes.
 */
async function scored(landmarker, picture, pass) {
  if (pass.presence !== undefined) {
    pass.score = pass.presence;
    return pass;
  }
  const [x, y, side] = pass.square;
  let move = 0;
  for (const [turn, shift, scale] of PROBES) {
    const [right, down] = rotate(shift, pass.angle);
    const moved = [x + right * side, y + down * side, side * scale];
    const { landmarks } = await landmarker.run(picture, moved, pass.angle + turn);
    const lengths = landmarks.map((point, k) =>
      Math.hypot(point[0] - pass.landmarks[k][0], point[1] - pass.landmarks[k][1]),
    );
    move += lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
  }
  pass.score = 1 / (1 + (move / PROBES.length / side / HALF) ** STEEPNESS);
  return pass;
}
