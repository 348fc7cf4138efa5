/**
 * Prints as JSON what the modules of web/ compute for the golden vectors and for a given film, to
 * compare with their Python counterparts.
 */

import { readFileSync } from "node:fs";

import { ellipse90 } from "../../web/drawing.js";
import { decoded } from "../../web/detector.js";
import * as geometry from "../../web/geometry.js";
import { faceSize, OneEuroFilter } from "../../web/smoothing.js";

const golden = JSON.parse(readFileSync(new URL("../golden/crops.json", import.meta.url), "utf-8"));
const { film, maps } = JSON.parse(readFileSync(0, "utf-8"));

const { image, ...vectors } = golden;
const picture = { ...image, data: new Uint8ClampedArray(4 * image.width * image.height) };
image.rgb.forEach((value, i) => (picture.data[4 * Math.floor(i / 3) + (i % 3)] = value));

function covarianceInPixels({ covariance, square, angle }) {
  return geometry.covarianceToImage(covariance, square[2], angle);
}

const functions = {
  square_around: ({ box, margin }) => geometry.squareAround(box, margin),
  box_of_landmarks: (given) => geometry.boxOfLandmarks(given.landmarks, given.face_box),
  upright_square({ landmarks, eyes, rigid_points, margin, face_box }) {
    const points = Object.keys(landmarks); // named by their indices
    const markup = { points, normalizers: eyes ? { inter_pupil: eyes } : {} };
    // Without any, the key is absent, as in older sidecars.
    if (Object.keys(rigid_points).length) markup.rigid_points = rigid_points;
    const { square, angle } = geometry.uprightSquare(landmarks, markup, margin, face_box);
    return [...square, angle];
  },
  crop_to_image: ({ fractions, square, angle }) =>
    fractions.map((fraction) => geometry.cropToImage(fraction, square, angle)),
  covariance_to_image: covarianceInPixels,
  ellipse(given) {
    const { long, short, angle } = ellipse90(covarianceInPixels(given));
    return [long, short, angle];
  },
  cut_square: ({ square, size, angle }) => [...geometry.cutSquare(picture, square, size, angle)],
};

const filter = new OneEuroFilter();
console.log(
  JSON.stringify({
    golden: Object.fromEntries(
      Object.entries(vectors).map(([name, cases]) => [
        name,
        cases.map(({ given }) => functions[name](given)),
      ]),
    ),
    sizes: film.map(({ landmarks }) => faceSize(landmarks)),
    finds: decoded(new Float32Array(maps.centres), new Float32Array(maps.geometry), maps.columns),
    film: film.map(({ seconds, ...face }) => filter.smooth(face, seconds).landmarks),
  }),
);
