/**
 * The counterpart of evae_tf/geometry.py and evae_tf/align/upright.py, with the same frames and
 * crops; tests compare it with tests/golden/crops.json.
 *
 * Image frame: the centre of the first pixel is (0, 0), x to the right, y down. Crop frame:
 * fractions of the crop. A point is [x, y]; a square is [centre x, centre y, side] in image pixels;
 * an angle is in radians, from x towards y; a picture is an `ImageData`.
 */

const MIN_EYE_DISTANCE = 0.3; // of the box: closer eyes, in a profile, do not show the roll

/** Rotates a point about the origin. */
export function rotate([x, y], angle) {
  const cosine = Math.cos(angle);
  const sine = Math.sin(angle);
  return [cosine * x - sine * y, sine * x + cosine * y];
}

/** The tight box [x_min, y_min, x_max, y_max] of points. */
export function landmarkBox(points) {
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/**
 * The box around known landmarks, placed as in the model's training.
 *
 * @param {number[][]} points
 * @param {number[]} faceBox [x, y, scale] of the model's sidecar: the centre of the tight box is
 *   shifted by x and y times its longer side, both sides are multiplied by scale.
 * @returns {number[]} [x_min, y_min, x_max, y_max]
 */
export function boxOfLandmarks(points, [x, y, scale]) {
  const [left, top, right, bottom] = landmarkBox(points);
  const [width, height] = [right - left, bottom - top];
  const longer = Math.max(width, height);
  const [centreX, centreY] = [(left + right) / 2 + x * longer, (top + bottom) / 2 + y * longer];
  const [halfX, halfY] = [(scale * width) / 2, (scale * height) / 2];
  return [centreX - halfX, centreY - halfY, centreX + halfX, centreY + halfY];
}

/** sqrt(width x height) of a box, in its unit. */
export function boxSize([left, top, right, bottom]) {
  return Math.sqrt((right - left) * (bottom - top));
}

/** The square to crop for a box: `1 + margin` times its longer side, around its centre. */
export function squareAround([left, top, right, bottom], margin) {
  const side = Math.max(right - left, bottom - top) * (1 + margin);
  return [(left + right) / 2, (top + bottom) / 2, side];
}

/** Intersection over union of two squares, 0 to 1. */
export function squaresOverlap([x, y, side], [otherX, otherY, otherSide]) {
  const reach = (apart) => Math.min(side, otherSide, Math.max(0, (side + otherSide) / 2 - apart));
  const shared = reach(Math.abs(x - otherX)) * reach(Math.abs(y - otherY));
  return shared / (side ** 2 + otherSide ** 2 - shared);
}

/** Converts crop fractions to image pixels; see `cutSquare` for the angle. */
export function cropToImage([x, y], [centreX, centreY, side], angle) {
  const [right, down] = rotate([(x - 0.5) * side, (y - 0.5) * side], angle);
  return [centreX + right, centreY + down];
}

/**
 * Converts a covariance from crop fractions squared to image pixels squared.
 *
 * @param {number[]} covariance [xx, xy, yy].
 * @returns {number[]} [xx, xy, yy].
 */
export function covarianceToImage([xx, xy, yy], side, angle) {
  const cosine = Math.cos(angle) * side;
  const sine = Math.sin(angle) * side;
  return [
    cosine * cosine * xx - 2 * cosine * sine * xy + sine * sine * yy,
    cosine * sine * (xx - yy) + (cosine * cosine - sine * sine) * xy,
    sine * sine * xx + 2 * cosine * sine * xy + cosine * cosine * yy,
  ];
}

/**
 * The crop of the second pass: a square around a face, rotated by the roll of the head.
 *
 * The line through the eyes gives the roll. If they are close, as in a profile, it is the direction
 * from high to low rigid points of the markup.
 *
 * @param {number[][]} landmarks image pixels.
 * @param {object} markup of the model's sidecar; without eyes and rigid points, the square is not
 *   rotated.
 * @param {number} margin see `squareAround`.
 * @param {number[]} faceBox see `boxOfLandmarks`.
 * @returns {{square: number[], angle: number}}
 */
export function uprightSquare(landmarks, markup, margin, faceBox) {
  const angle = roll(landmarks, markup);
  // The box is computed in the rotated frame; then its centre is rotated back.
  const box = boxOfLandmarks(landmarks.map((point) => rotate(point, -angle)), faceBox);
  const [x, y, side] = squareAround(box, margin);
  return { square: [...rotate([x, y], angle), side], angle };
}

function roll(landmarks, markup) {
  const eyes = markup.normalizers.inter_pupil ?? markup.normalizers.inter_ocular;
  if (!eyes) return axisAngle(landmarks, markup);
  const [left, right] = eyes.map((group) => {
    const points = group.map((index) => landmarks[index]);
    return [0, 1].map((axis) => points.reduce((sum, p) => sum + p[axis], 0) / points.length);
  });
  const [x, y] = [right[0] - left[0], right[1] - left[1]];
  const apart = Math.hypot(x, y) >= MIN_EYE_DISTANCE * boxSize(landmarkBox(landmarks));
  return apart ? Math.atan2(y, x) : axisAngle(landmarks, markup);
}

/** Angle of the direction from high to low points. Older sidecars have no rigid points. */
function axisAngle(landmarks, { points, rigid_points: places = {} }) {
  const heights = Object.entries(places).map(([name, [, y]]) => [points.indexOf(name), y]);
  const mean = heights.reduce((sum, [, height]) => sum + height, 0) / heights.length;
  const [x, y] = [0, 1].map((axis) =>
    heights.reduce((sum, [point, height]) => sum + (height - mean) * landmarks[point][axis], 0),
  );
  return Math.atan2(-x, y);
}

/**
 * Crops a square from a picture and resizes it; black outside the picture.
 *
 * Each pixel is one bilinear sample. If the square is at least twice the crop's size, whole pixels
 * are averaged first to avoid aliasing. Scaling by the canvas would shift landmarks: it differs
 * between browsers and from the scaling in training.
 *
 * @param {{data: Uint8ClampedArray, width: number, height: number}} picture RGBA.
 * @param {number[]} square
 * @param {number} size the crop's side in pixels.
 * @param {number} angle roll in the picture that is upright in the crop.
 * @returns {Uint8ClampedArray} RGB, size x size x 3.
 */
export function cutSquare(picture, [centreX, centreY, side], size, angle = 0) {
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  let [image, x, y, step] = [picture, centreX, centreY, side / size];
  const shrink = Math.trunc(step);
  if (shrink >= 2) {
    const reach = (side / 2) * (Math.abs(cosine) + Math.abs(sine));
    [image, x, y] = shrunk(picture, x, y, reach, shrink);
    step /= shrink;
  }
  const [across, along] = [step * cosine, step * sine];
  const [left, top] = [x - ((across - along) * (size - 1)) / 2, y - ((across + along) * (size - 1)) / 2];
  const crop = new Uint8ClampedArray(size * size * 3);
  for (let row = 0, at = 0; row < size; row++) {
    const [startX, startY] = [fine(left - along * row) + 16, fine(top + across * row) + 16];
    for (let column = 0; column < size; column++, at += 3) {
      const [fromLeft, fromTop] = [startX + fine(across * column), startY + fine(along * column)];
      sample(image, fromLeft >> 5, fromTop >> 5, crop, at);
    }
  }
  return crop;
}

/** 1024ths of a pixel, which OpenCV uses before it rounds to 32nds. */
const fine = (position) => Math.round(position * 1024);

/** Writes a bilinear sample at 32nds of a pixel to `crop` at `at`; black outside the picture. */
function sample({ data, width, height }, x, y, crop, at) {
  const [left, top] = [x >> 5, y >> 5];
  if (left < -1 || top < -1 || left >= width || top >= height) return;
  const [toRight, toBottom] = [(x & 31) / 32, (y & 31) / 32];
  let [red, green, blue] = [0, 0, 0];
  for (let corner = 0; corner < 4; corner++) {
    const [column, row] = [left + (corner & 1), top + (corner >> 1)];
    if (column < 0 || row < 0 || column >= width || row >= height) continue;
    const weight = (corner & 1 ? toRight : 1 - toRight) * (corner >> 1 ? toBottom : 1 - toBottom);
    const pixel = 4 * (row * width + column);
    red += weight * data[pixel];
    green += weight * data[pixel + 1];
    blue += weight * data[pixel + 2];
  }
  // The array rounds halves to even values; OpenCV rounds them up.
  crop[at] = Math.floor(red + 0.5);
  crop[at + 1] = Math.floor(green + 0.5);
  crop[at + 2] = Math.floor(blue + 0.5);
}

/** The picture near a centre, averaged over `shrink` x `shrink` pixels, and the new centre. */
function shrunk({ data, width, height }, centreX, centreY, reach, shrink) {
  const [left, top] = [centreX, centreY].map((centre) =>
    Math.max(0, Math.trunc(centre - reach) - 2 * shrink),
  );
  const right = Math.min(width, Math.trunc(centreX + reach) + 2 * shrink);
  const bottom = Math.min(height, Math.trunc(centreY + reach) + 2 * shrink);
  const columns = Math.ceil((right - left) / shrink);
  const rows = Math.ceil((bottom - top) / shrink);
  if (columns <= 0 || rows <= 0) {
    // The square is entirely outside the picture.
    return [{ data: new Uint8ClampedArray(4), width: 1, height: 1 }, centreX, centreY];
  }
  const averaged = new Uint8ClampedArray(4 * columns * rows);
  const area = shrink * shrink;
  // Here OpenCV rounds halves up only for 2 x 2 pixels.
  const mean = (sum) => (shrink === 2 ? Math.floor(sum / 4 + 0.5) : sum / area);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let [red, green, blue] = [0, 0, 0];
      for (let y = 0; y < shrink; y++) {
        // The last row and column repeat if whole groups of pixels do not fit.
        const line = Math.min(bottom - 1, top + row * shrink + y) * width;
        for (let x = 0; x < shrink; x++) {
          const pixel = 4 * (line + Math.min(right - 1, left + column * shrink + x));
          red += data[pixel];
          green += data[pixel + 1];
          blue += data[pixel + 2];
        }
      }
      const at = 4 * (row * columns + column);
      averaged[at] = mean(red);
      averaged[at + 1] = mean(green);
      averaged[at + 2] = mean(blue);
    }
  }
  const moved = [centreX - left, centreY - top].map((offset) => (offset + 0.5) / shrink - 0.5);
  return [{ data: averaged, width: columns, height: rows }, ...moved];
}
