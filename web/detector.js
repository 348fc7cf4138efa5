/** Face detector, `detector.tflite`; the counterpart of evae_tf/align/detectors/tflite.py. */

import { cutSquare, rotate, squaresOverlap } from "./geometry.js";
import { breathe, loadModel, run } from "./runtime.js";

const SIZE = 640; // side of the network's image
const STRIDE = 4; // pixels between cells
const UNIT = 32; // pixels: sides are encoded as log(side / UNIT)
const MIN_SCORE = 0.3;
const SAME = 0.35; // least intersection over union of two squares of one face
const LEAST_SIDE = 18; // pixels: smaller faces have no visible landmarks
const TILE = 0.56; // side of the tiles searched again, as a fraction of the photo's longer side

export class Detector {
  /** @param {string} url URL of `detector.tflite`. */
  static async load(url) {
    const detector = new Detector(await loadModel(url));
    await detector._search({ data: new Uint8ClampedArray(4), width: 1, height: 1 }, [0, 0, 1]);
    return detector;
  }

  constructor(model) {
    this._model = model;
    this._input = new Float32Array(SIZE * SIZE * 3);
  }

  /**
   * The faces of a picture.
   *
   * @param {ImageData} picture
   * @param {boolean} fine whether to search a large picture in tiles, too, for small faces.
   * @returns {Promise<object[]>} detections, the likeliest first: `score` from 0 to 1; `square`
   *   around the landmarks, [x, y, side] in image pixels; `angle`, the head's roll in radians.
   */
  async detect(picture, fine = false) {
    const { width, height } = picture;
    const longer = Math.max(width, height);
    const searched = [[width / 2 - 0.5, height / 2 - 0.5, longer]];
    if (fine && longer > SIZE) {
      const side = TILE * longer;
      for (const y of centres(height, side)) {
        for (const x of centres(width, side)) searched.push([x, y, side]);
      }
    }
    const finds = [];
    for (const square of searched) finds.push(...(await this._search(picture, square)));
    return distinct(finds).filter(({ square }) => square[2] >= LEAST_SIDE);
  }

  /** The network's detections in a square of a picture. */
  async _search(picture, square) {
    await breathe();
    const crop = cutSquare(picture, square, SIZE);
    for (let i = 0; i < crop.length; i++) this._input[i] = crop[i] / 255;
    const { centres, geometry } = await run(this._model, this._input, [1, SIZE, SIZE, 3]);
    const scale = square[2] / SIZE;
    const [left, top] = [square[0] + 0.5 - square[2] / 2, square[1] + 0.5 - square[2] / 2];
    return decoded(centres, geometry, SIZE / STRIDE).map(({ score, square: [x, y, side], angle }) => ({
      score,
      square: [(x + 0.5) * scale + left - 0.5, (y + 0.5) * scale + top - 0.5, side * scale],
      angle,
    }));
  }
}

/**
 * Decodes the network's maps.
 *
 * @param {Float32Array} centres probability that a face's centre lies in each cell.
 * @param {Float32Array} geometry 13 numbers per cell: offset to the centre, over 32 pixels; the
 *   logarithm of the side over 32 pixels; five points relative to the centre, over the side.
 * @param {number} columns cells per row.
 * @returns {object[]} detections in pixels of the network's image, each face once, the likeliest
 *   first.
 */
export function decoded(centres, geometry, columns) {
  const rows = centres.length / columns;
  const finds = [];
  for (let cell = 0; cell < centres.length; cell++) {
    if (centres[cell] < MIN_SCORE) continue;
    const [row, column] = [Math.floor(cell / columns), cell % columns];
    if (!isLargest(centres, row, column, rows, columns)) continue;
    const told = geometry.subarray(13 * cell, 13 * cell + 13);
    const [x, y] = [column, row].map(
      (place, axis) => place * STRIDE + (STRIDE - 1) / 2 + told[axis] * UNIT,
    );
    const points = [0, 1, 2, 3, 4].map((k) => [told[3 + 2 * k], told[4 + 2 * k]]);
    finds.push({
      score: centres[cell],
      square: [x, y, UNIT * Math.exp(told[2])],
      angle: roll(points),
    });
  }
  return distinct(finds);
}

function isLargest(values, row, column, rows, columns) {
  const value = values[row * columns + column];
  for (let y = Math.max(0, row - 1); y <= Math.min(rows - 1, row + 1); y++) {
    for (let x = Math.max(0, column - 1); x <= Math.min(columns - 1, column + 1); x++) {
      if (values[y * columns + x] > value) return false;
    }
  }
  return true;
}

/** The roll of a head, from its eyes and the corners of its mouth. */
export function roll([left, right, , mouthLeft, mouthRight]) {
  const across = [0, 1].map((axis) => right[axis] - left[axis] + mouthRight[axis] - mouthLeft[axis]);
  const down = [0, 1].map(
    (axis) => (mouthLeft[axis] + mouthRight[axis] - left[axis] - right[axis]) / 2,
  );
  // Rotated back by a right angle, the downward direction points to the right.
  const [x, y] = rotate(down, -Math.PI / 2);
  return Math.atan2(across[1] + y, across[0] + x);
}

function distinct(finds) {
  const kept = [];
  for (const find of finds.toSorted((one, other) => other.score - one.score)) {
    if (kept.every(({ square }) => squaresOverlap(square, find.square) <= SAME)) kept.push(find);
  }
  return kept;
}

/** Evenly spaced centres of squares, from edge to edge of a picture. */
function centres(length, side) {
  const count = Math.max(1, Math.ceil(length / side));
  if (count === 1) return [length / 2 - 0.5];
  return Array.from(
    { length: count },
    (_, i) => side / 2 + ((length - side) * i) / (count - 1) - 0.5,
  );
}
