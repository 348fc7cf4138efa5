/** LiteRT.js: loads, compiles and runs `.tflite` files. */

import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";

const WASM_FOLDER = new URL("./vendor/wasm/", import.meta.url).pathname;

const BREATH = 30; // milliseconds

let breathed = 0;
let runtime; // shared by all models: LiteRT.js cannot be loaded twice

/** Loads and compiles a model. */
export async function loadModel(url) {
  runtime ??= loadLiteRt(WASM_FOLDER).catch((error) => {
    runtime = undefined; // the next model retries
    throw error;
  });
  const [response] = await Promise.all([fetchChecked(url), runtime]);
  const bytes = new Uint8Array(await response.arrayBuffer());
  return loadAndCompile(bytes, { accelerator: "wasm" }).catch((error) => {
    throw new Error(`${url} is damaged or not a model (${error.message})`);
  });
}

/**
 * The outputs of a model for one input, `images`.
 *
 * @param {object} model a model of `loadModel`.
 * @param {Float32Array} images pixels.
 * @param {number[]} shape [1, height, width, 3].
 * @returns {Promise<Object<string, Float32Array>>} copies; LiteRT's memory is freed here.
 */
export async function run(model, images, shape) {
  const tensor = new Tensor(images, shape);
  const outputs = await model.run({ images: tensor }).finally(() => tensor.delete());
  const copies = {};
  for (const [name, output] of Object.entries(outputs)) {
    copies[name] = output.toTypedArray().slice();
    output.delete();
  }
  return copies;
}

/** Lets the browser draw and handle clicks while models run in sequence. */
export async function breathe() {
  if (performance.now() - breathed < BREATH) return;
  await new Promise((resolve) => setTimeout(resolve));
  breathed = performance.now();
}

/** Fetches a file from the server. */
export async function fetchChecked(url) {
  const response = await fetch(url).catch(() => null); // rejects if the server is down
  if (!response?.ok) throw new Error(`${url} is missing; run “make web” to create it`);
  return response;
}
