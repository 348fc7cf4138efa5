/** The landmark model: a `.tflite` file of export.py with its sidecar, run by LiteRT.js. */

import { covarianceToImage, cropToImage, cutSquare } from "./geometry.js";
import { breathe, fetchChecked, loadModel, run } from "./runtime.js";

const TIGHT_BOX = [0, 0, 1]; // for older sidecars without `face_box`
const REMEMBERED = 25; // passes

export class Landmarker {
  /**
   * @param {string} url URL of a `.tflite` file with the outputs `landmarks` and `covariance`; its
   *   sidecar is the JSON file of the same name.
   * @returns {Promise<Landmarker>}
   */
  static async load(url) {
    const description = await fetchDescription(url.replace(/\.tflite$/, ".json"));
    if (!["landmarks", "covariance"].every((name) => description.outputs.includes(name))) {
      throw new Error(`${url} lacks an output: export it with --outputs=landmarks,covariance`);
    }
    const model = await loadModel(url);
    const landmarker = new Landmarker(url.split("/").at(-1), model, description);
    await landmarker._outputs(); // warm-up: the first run is slow
    return landmarker;
  }

  constructor(name, model, description) {
    this.name = name;
    this.markup = description.markup;
    this.margin = description.crop_margin;
    this.faceBox = description.face_box ?? TIGHT_BOX;
    this.size = description.input_size;
    this._model = model;
    this._times = []; // of the last passes, in milliseconds
    this._input = new Float32Array(this.size * this.size * 3);
  }

  /**
   * One pass: the landmarks in a square of a picture.
   *
   * @param {ImageData} picture
   * @param {number[]} square see geometry.js.
   * @param {number} angle see geometry.js.
   * @returns {Promise<object>} `landmarks` K x [x, y], image pixels; `covariance` K x [xx, xy, yy],
   *   image pixels squared; `deviation`, the mean standard deviation in fractions of the crop;
   *   `presence`, the probability of a face, undefined if the model does not output it; the
   *   `square` and the `angle`.
   */
  async run(picture, square, angle = 0) {
    await breathe();
    const start = performance.now();
    const crop = cutSquare(picture, square, this.size, angle);
    for (let i = 0; i < crop.length; i++) this._input[i] = crop[i] / 255;
    const { landmarks, covariance, presence } = await this._outputs();
    const points = [];
    const spreads = [];
    let deviation = 0;
    for (let k = 0; 2 * k < landmarks.length; k++) {
      const [xx, xy, , yy] = covariance.subarray(4 * k, 4 * k + 4);
      points.push(cropToImage(landmarks.subarray(2 * k, 2 * k + 2), square, angle));
      spreads.push(covarianceToImage([xx, xy, yy], square[2], angle));
      deviation += Math.sqrt(xx + yy);
    }
    deviation /= points.length;
    this._times.push(performance.now() - start);
    if (this._times.length > REMEMBERED) this._times.shift();
    return {
      ...{ landmarks: points, covariance: spreads, presence: presence?.[0] },
      ...{ deviation, square, angle },
    };
  }

  /** The median time of the last passes, in milliseconds; undefined before the first pass. */
  get passTime() {
    return this._times.toSorted((one, other) => one - other)[this._times.length >> 1];
  }

  _outputs() {
    return run(this._model, this._input, [1, this.size, this.size, 3]);
  }
}

async function fetchDescription(url) {
  const response = await fetchChecked(url);
  return response.json().catch(() => {
    throw new Error(`${url} is damaged: expected the description of a model`);
  });
}
