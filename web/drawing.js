/** Draws landmarks, outlines and ellipses over a picture. */

const CHI_SQUARE_90 = 4.605; // 90 % quantile for two degrees of freedom

const COLORS = {
  shadow: "rgba(0, 0, 0, 0.4)",
  outline: "rgba(255, 255, 255, 0.75)",
  point: "#4de3ff",
  ellipse: "rgba(255, 205, 80, 0.9)",
  inside: "rgba(255, 205, 80, 0.25)",
  box: "#4de3ff",
};

/**
 * The 90 % ellipse of a Gaussian with covariance [xx, xy, yy].
 *
 * @returns {{long: number, short: number, angle: number}} half axes, in the unit of length, and the
 *   angle of the long one, in radians from x towards y.
 */
export function ellipse90([xx, xy, yy]) {
  const middle = (xx + yy) / 2;
  const reach = Math.hypot((xx - yy) / 2, xy);
  return {
    long: Math.sqrt(CHI_SQUARE_90 * (middle + reach)),
    short: Math.sqrt(CHI_SQUARE_90 * Math.max(0, middle - reach)),
    angle: Math.atan2(2 * xy, xx - yy) / 2,
  };
}

export class Overlay {
  /** @param {HTMLCanvasElement} canvas over the picture, of the same size on the screen. */
  constructor(canvas) {
    this._canvas = canvas;
    this._context = canvas.getContext("2d");
  }

  /**
   * Clears the canvas and sets the frame of a picture of `width` x `height` pixels. Line widths
   * are in screen pixels, whatever the scale of the picture.
   */
  clear({ width, height }) {
    const density = window.devicePixelRatio || 1;
    this._canvas.width = Math.round(this._canvas.clientWidth * density);
    this._canvas.height = Math.round(this._canvas.clientHeight * density);
    const [across, down] = [this._canvas.width / width, this._canvas.height / height];
    // Half a pixel, because the centre of the first pixel is (0, 0).
    this._context.setTransform(across, 0, 0, down, across / 2, down / 2);
    this._pixel = density / across;
  }

  /** Draws a pass (see landmarker.js); small faces get finer lines. */
  face({ landmarks, covariance, square }, markup, withEllipses) {
    const line = this._pixel * Math.min(1.3, Math.max(0.5, square[2] / this._pixel / 190));
    for (const [k, [x, y]] of withEllipses ? landmarks.entries() : []) {
      const { long, short, angle } = ellipse90(covariance[k]);
      this._context.beginPath();
      this._context.ellipse(x, y, long, short, angle, 0, 2 * Math.PI);
      this._context.fillStyle = COLORS.inside;
      this._context.fill();
      this._stroke(COLORS.ellipse, line);
    }
    this._context.beginPath();
    for (const [from, to] of markup.outline) {
      this._context.moveTo(...landmarks[from]);
      this._context.lineTo(...landmarks[to]);
    }
    this._stroke(COLORS.shadow, 2.4 * line); // readable on bright skin, too
    this._stroke(COLORS.outline, line);
    this._context.fillStyle = COLORS.point;
    for (const [x, y] of landmarks) {
      this._context.beginPath();
      this._context.arc(x, y, 1.8 * line, 0, 2 * Math.PI);
      this._context.fill();
    }
  }

  /** Draws the box being dragged, [x_min, y_min, x_max, y_max]. */
  box([left, top, right, bottom]) {
    this._context.beginPath();
    this._context.rect(left, top, right - left, bottom - top);
    this._stroke(COLORS.shadow, 4 * this._pixel);
    this._stroke(COLORS.box, 1.5 * this._pixel);
  }

  _stroke(color, width) {
    this._context.strokeStyle = color;
    this._context.lineWidth = width;
    this._context.lineJoin = "round";
    this._context.stroke();
  }
}
