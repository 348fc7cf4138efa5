/** What the modules of web/ compute, as JSON, for a comparison with their Python twins. */

import { readFileSync } from "node:fs";

import { ellipse90 } from "../../web/drawing.js";
import * as geometry from "../../web/geometry.js";
import { OneEuroFilter } from "../../web/smoothing.js";

const given = JSON.parse(readFileSync(0, "utf-8"));
const { picture, width, height, cases, size, markup, landmarks, covariance, angle, film } = given;
const image = { data: new Uint8ClampedArray(Buffer.from(picture, "base64")), width, height };
const filter = new OneEuroFilter();
console.log(
  JSON.stringify({
    crops: cases.map(({ square, angle }) =>
      Buffer.from(geometry.cutSquare(image, square, size, angle)).toString("base64"),
    ),
    upright: geometry.uprightSquare(landmarks, markup, 0.25),
    points: landmarks.map((point) =>
      geometry.cropToImage(point, geometry.squareAround([10, 20, 50, 90], 0.25), angle),
    ),
    covariance: geometry.covarianceToImage(covariance, 7, angle),
    ellipse: ellipse90(covariance),
    film: film.map(({ seconds, ...face }) => filter.smooth(face, seconds).landmarks),
  }),
);
