/** Reduces jitter in videos without lag; the counterpart of evae_tf/align/smoothing.py. */

import { boxSize, landmarkBox } from "./geometry.js";

// The values and their reasons are in the Python module.
const MIN_CUTOFF_HZ = 0.25;
const SPEED_WEIGHT = 80;
const SPEED_CUTOFF_HZ = 1;
const TYPICAL_DEVIATION = 0.015; // as a fraction of the face's size

/** The size of a face, image pixels: sqrt(width x height) of its tight box, at least 1. */
export const faceSize = (landmarks) => Math.max(1, boxSize(landmarkBox(landmarks)));

/** A One-Euro filter for the landmarks of one face; a new face needs a new one. */
export class OneEuroFilter {
  /**
   * The face with smoothed landmarks.
   *
   * @param {object} face a pass, see landmarker.js.
   * @param {number} seconds time; later than in the previous call.
   */
  smooth(face, seconds) {
    const size = faceSize(face.landmarks);
    const step = seconds - this._seconds;
    this._points = face.landmarks.map((raw, k) => {
      const before = this._points?.[k];
      if (!before || !(step > 0)) return { raw, smooth: raw, speed: [0, 0] };
      const [xx, , yy] = face.covariance[k];
      const deviation = Math.sqrt(Math.max((xx + yy) / 2, 1e-12)) / size;
      const speed = before.speed.map((old, axis) => {
        const now = (raw[axis] - before.raw[axis]) / (step * size);
        return old + share(SPEED_CUTOFF_HZ, step) * (now - old);
      });
      const cutoff =
        (MIN_CUTOFF_HZ + SPEED_WEIGHT * Math.hypot(...speed)) * (TYPICAL_DEVIATION / deviation);
      const towards = share(cutoff, step);
      const smooth = before.smooth.map((old, axis) => old + towards * (raw[axis] - old));
      return { raw, smooth, speed };
    });
    this._seconds = seconds;
    return { ...face, landmarks: this._points.map(({ smooth }) => smooth) };
  }
}

/** Fraction by which the smoothed value moves towards the new one in `step` seconds. */
function share(cutoffHz, step) {
  return 1 / (1 + 1 / (2 * Math.PI * cutoffHz * step));
}
