/**
 * Finds one face without a detector, and follows it.
 *
 * The landmark model itself is asked what it sees in squares all over the picture. Where it is
 * surest, it looks again; what is a face shows in `score`, as in evae_tf/align/face_score.py: on a
 * face, landmarks stay where they are when the crop moves.
 */

import { rotate, squareAround, uprightSquare } from "./geometry.js";
import { faceSize } from "./smoothing.js";

export const MIN_SCORE = 0.5;

const SIZES = [1, 0.7, 0.5, 0.35, 0.25]; // sides of the squares, of the picture's shorter side
const MAX_RATIO = 4; // longer pictures would be full of tiny squares
const STRIDE = 0.35; // from square to square, of their side
const CANDIDATES = 2; // of each size that are looked at again
const CHECK_EVERY = 5; // frames: the score costs two more looks

// Two further crops: turned (radians), shifted (fractions of the side) and scaled.
const PROBES = [
  [0.2, [0.08, 0.05], 1.12],
  [-0.2, [-0.08, -0.05], 0.92],
];
const HALF = 0.035;
const STEEPNESS = 6;

/**
 * The face of a photo.
 *
 * @param {Landmarker} landmarker
 * @param {ImageData} picture
 * @returns {Promise<object|null>} a look (see landmarker.js) with its `score`, or null.
 */
export async function findFace(landmarker, picture) {
  for (const size of SIZES) {
    const face = await findFaceOfSize(landmarker, picture, size);
    if (face) return face;
  }
  return null;
}

function findFaceOfSize(landmarker, picture, size) {
  return best(landmarker, picture, squaresOfSize(picture, size));
}

/** The face at a point, in image pixels: squares of all sizes around it are tried. */
export async function faceAt(landmarker, picture, [x, y]) {
  const shorter = Math.min(picture.width, picture.height);
  return best(landmarker, picture, [1.4, ...SIZES, 0.17].map((size) => [x, y, size * shorter]));
}

/** The face in a box [x_min, y_min, x_max, y_max] that somebody drew, whatever its score. */
export async function faceInBox(landmarker, picture, box) {
  const first = await landmarker.look(picture, squareAround(box, landmarker.margin));
  return scored(landmarker, picture, await lookAgain(landmarker, picture, first));
}

/** Follows the face of a video. */
export class Tracker {
  constructor() {
    this.face = null;
    this._frames = 0;
    this._size = 0;
  }

  /**
   * The face in the next frame: near the last one, else in squares of one size a frame, so that
   * no frame takes long.
   *
   * @returns {Promise<object|null>} see `findFace`.
   */
  async next(landmarker, frame) {
    if (!this.face) {
      const size = SIZES[this._size++ % SIZES.length];
      this.face = await findFaceOfSize(landmarker, frame, size);
      return this.face;
    }
    const face = await lookAgain(landmarker, frame, this.face);
    if (this._frames++ % CHECK_EVERY === 0) await scored(landmarker, frame, face);
    else face.score = this.face.score;
    this._size = 0;
    this.face = face.score >= MIN_SCORE ? face : null;
    return this.face;
  }
}

/** The best face of those in some squares, or null. */
async function best(landmarker, picture, squares) {
  const looks = [];
  for (const square of squares) looks.push(await landmarker.look(picture, square));
  // Points that shrink to a dot are sure of themselves: doubt counts in sizes of the face.
  const doubt = (look) => (look.deviation * look.square[2]) / faceSize(look.landmarks);
  looks.sort((one, other) => doubt(one) - doubt(other));
  let found = null;
  for (const first of looks.slice(0, CANDIDATES)) {
    const second = await lookAgain(landmarker, picture, first);
    const face = await scored(landmarker, picture, await lookAgain(landmarker, picture, second));
    if (face.score >= (found?.score ?? MIN_SCORE)) found = face;
  }
  return found;
}

function squaresOfSize({ width, height }, size) {
  const side = size * Math.max(Math.min(width, height), Math.max(width, height) / MAX_RATIO);
  const squares = [];
  for (const y of centres(height, side)) {
    for (const x of centres(width, side)) squares.push([x, y, side]);
  }
  return squares;
}

/** Evenly spread centres of squares, from edge to edge of a picture. */
function centres(length, side) {
  const steps = Math.ceil((length - side) / (STRIDE * side));
  if (steps <= 0) return [length / 2 - 0.5];
  return Array.from({ length: steps + 1 }, (_, i) => side / 2 + ((length - side) * i) / steps - 0.5);
}

function lookAgain(landmarker, picture, { landmarks }) {
  const { markup, margin, faceBox } = landmarker;
  const { square, angle } = uprightSquare(landmarks, markup, margin, faceBox);
  return landmarker.look(picture, square, angle);
}

/** The look, with its `score`: 0.5 where landmarks move by 3.5 % of the crop with the crop. */
async function scored(landmarker, picture, look) {
  const [x, y, side] = look.square;
  let move = 0;
  for (const [turn, shift, scale] of PROBES) {
    const [right, down] = rotate(shift, look.angle);
    const moved = [x + right * side, y + down * side, side * scale];
    const { landmarks } = await landmarker.look(picture, moved, look.angle + turn);
    const lengths = landmarks.map((point, k) =>
      Math.hypot(point[0] - look.landmarks[k][0], point[1] - look.landmarks[k][1]),
    );
    move += lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
  }
  look.score = 1 / (1 + (move / PROBES.length / side / HALF) ** STEEPNESS);
  return look;
}
