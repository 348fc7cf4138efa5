/** LiteRT.js: `.tflite` files loaded, compiled and run on this machine. */

import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";

const WASM_FOLDER = new URL("./vendor/wasm/", import.meta.url).pathname;

const BREATH = 30; // milliseconds

let breathed = 0;
let runtime; // one for all models: LiteRT.js refuses to be loaded twice

/** A compiled model. */
export async function loadModel(url) {
  runtime ??= loadLiteRt(WASM_FOLDER).catch((error) => {
    runtime = undefined; // so that the next model tries again
    throw error;
  });
  const [response] = await Promise.all([fetchChecked(url), runtime]);
  const bytes = new Uint8Array(await response.arrayBuffer());
  return loadAndCompile(bytes, { accelerator: "wasm" }).catch((error) => {
    throw new Error(`${url} is damaged, or no model (${error.message})`);
  });
}

/**
 * The outputs of a model for one input, `images`.
 *
 * @param {object} model of `loadModel`.
 * @param {Float32Array} images its pixels.
 * @param {number[]} shape [1, height, width, 3].
 * @returns {Promise<Object<string, Float32Array>>} copies: LiteRT's memory is freed by hand.
 */
export async function run(model, images, shape) {
  const tensor = new Tensor(images, shape);
  const outputs = await model.run({ images: tensor });
  tensor.delete();
  const copies = {};
  for (const [name, output] of Object.entries(outputs)) {
    copies[name] = output.toTypedArray().slice();
    output.delete();
  }
  return copies;
}

/** Lets the page be drawn and clicked where models run one after the other without a break. */
export async function breathe() {
  if (performance.now() - breathed < BREATH) return;
  await new Promise((resolve) => setTimeout(resolve));
  breathed = performance.now();
}

/** A file of the server. */
export async function fetchChecked(url) {
  const response = await fetch(url).catch(() => null); // rejects where the server is gone
  if (!response?.ok) throw new Error(`${url} is missing; “make web” writes it`);
  return response;
}
