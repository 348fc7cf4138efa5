/** What the modules of web/ compute, as JSON, for a comparison with their Python twins. */

import { readFileSync } from "node:fs";

import { ellipse90 } from "../../web/drawing.js";
import * as geometry from "../../web/geometry.js";

const { picture, width, height, cases, size, markup, landmarks, covariance, angle } = JSON.parse(
  readFileSync(0, "utf-8"),
);
const image = { data: new Uint8ClampedArray(Buffer.from(picture, "base64")), width, height };
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
  }),
);
