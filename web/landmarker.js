/** A `.tflite` file of export.py with its sidecar, run by LiteRT.js on this machine. */

import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";

import { covarianceToImage, cropToImage, cutSquare } from "./geometry.js";

const WASM_FOLDER = new URL("./vendor/wasm/", import.meta.url).pathname;

const TIGHT_BOX = [0, 0, 1]; // of models from before sidecars had a `face_box`
const REMEMBERED = 25; // looks

const BREATH = 30; // milliseconds

let breathed = 0;
let runtime; // one for all models: LiteRT.js refuses to be loaded twice

export class Landmarker {
  /**
   * @param {string} url of a `.tflite` file whose outputs are `landmarks` and `covariance`; the
   *   JSON of the same name lies beside it.
   * @returns {Promise<Landmarker>}
   */
  static async load(url) {
    const [description] = await Promise.all([
      fetchDescription(url.replace(/\.tflite$/, ".json")),
      (runtime ??= loadLiteRt(WASM_FOLDER).catch((error) => {
        runtime = undefined; // so that the next model tries again
        throw error;
      })),
    ]);
    if (!["landmarks", "covariance"].every((name) => description.outputs.includes(name))) {
      throw new Error(`${url} lacks an output: export it with --outputs=landmarks,covariance`);
    }
    const bytes = new Uint8Array(await (await fetchChecked(url)).arrayBuffer());
    const model = await loadAndCompile(bytes, { accelerator: "wasm" }).catch((error) => {
      throw new Error(`${url} is damaged, or no model (${error.message})`);
    });
    const landmarker = new Landmarker(url.split("/").at(-1), model, description);
    await landmarker._run(); // the first run is slow: it must not be somebody's photo
    return landmarker;
  }

  constructor(name, model, description) {
    this.name = name;
    this.markup = description.markup;
    this.margin = description.crop_margin;
    this.faceBox = description.face_box ?? TIGHT_BOX;
    this.size = description.input_size;
    this._model = model;
    this._times = []; // of the last looks, in milliseconds
    this._input = new Float32Array(this.size * this.size * 3);
  }

  /**
   * Landmarks of whatever stands in a square of a picture.
   *
   * @param {ImageData} picture
   * @param {number[]} square see geometry.js.
   * @param {number} angle likewise.
   * @returns {Promise<object>} a look: `landmarks` K x [x, y] in image pixels; `covariance`
   *   K x [xx, xy, yy], image pixels squared; `deviation`, the mean one in fractions of the crop;
   *   the `square` and the `angle`.
   */
  async look(picture, square, angle = 0) {
    await breathe();
    const start = performance.now();
    const crop = cutSquare(picture, square, this.size, angle);
    for (let i = 0; i < crop.length; i++) this._input[i] = crop[i] / 255;
    const { landmarks, covariance } = await this._run();
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
    return { landmarks: points, covariance: spreads, deviation, square, angle };
  }

  /** The median time of the last looks, in milliseconds. */
  get lookTime() {
    return this._times.toSorted((one, other) => one - other)[this._times.length >> 1];
  }

  /** The model's outputs for `_input`; LiteRT's memory is freed by hand, so it is copied out. */
  async _run() {
    const images = new Tensor(this._input, [1, this.size, this.size, 3]);
    const outputs = await this._model.run({ images });
    images.delete();
    const copies = {};
    for (const [name, tensor] of Object.entries(outputs)) {
      copies[name] = tensor.toTypedArray().slice();
      tensor.delete();
    }
    return copies;
  }
}

/** Lets the page be drawn and clicked where looks follow each other without a break. */
async function breathe() {
  if (performance.now() - breathed < BREATH) return;
  await new Promise((resolve) => setTimeout(resolve));
  breathed = performance.now();
}

async function fetchDescription(url) {
  const response = await fetchChecked(url);
  return response.json().catch(() => {
    throw new Error(`${url} is damaged: not the description of a model`);
  });
}

async function fetchChecked(url) {
  const response = await fetch(url).catch(() => null); // rejects where the server is gone
  if (!response?.ok) throw new Error(`${url} is missing; “make web” writes it`);
  return response;
}
