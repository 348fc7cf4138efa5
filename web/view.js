/** The page's view: the picture with its faces, the status line and the measurements. */

import { Overlay } from "./drawing.js";

const element = (id) => document.getElementById(id);

export class View {
  constructor() {
    this.photo = null; // {name, size, width, height, pixels: ImageData}
    this.faces = []; // the passes that are drawn, see landmarker.js
    this._canvas = element("picture");
    // Read back for every crop, so it is kept in memory, not on the GPU.
    this._context = this._canvas.getContext("2d", { willReadFrequently: true });
    this._overlay = new Overlay(element("overlay"));
    new ResizeObserver(() => this.draw()).observe(element("frame"));
  }

  /** @param {string} [kind] `busy` or `error`. */
  say(text, kind = "") {
    element("status").textContent = text;
    element("status").className = `status ${kind}`;
  }

  /** Draws a picture on the canvas and reads its pixels; `size` is its file's, see pictures.js. */
  show(source, width, height, name, size = [width, height]) {
    if (this._canvas.width !== width || this._canvas.height !== height || !this.photo) {
      [this._canvas.width, this._canvas.height] = [width, height];
      element("frame").style.setProperty("--ratio", width / height);
      element("frame").style.setProperty("--pixels", width);
    }
    this._context.drawImage(source, 0, 0);
    const pixels = this._context.getImageData(0, 0, width, height);
    this.photo = { name, size, width, height, pixels };
    element("frame").hidden = false;
    element("invitation").hidden = true;
    element("stage").classList.remove("empty");
  }

  /** Draws faces and the measurements of the chosen one. */
  present(faces, landmarker, speed, chosen = 0) {
    this.faces = faces;
    const face = faces[chosen];
    this.landmarker = landmarker; // of these faces: the user may choose another before saving
    this.draw();
    element("save").disabled = !face;
    element("speed").textContent = speed;
    const time = landmarker.passTime;
    element("pass-time").textContent = time === undefined ? "–" : `${time.toFixed(1)} ms`;
    element("score").textContent = face ? face.score.toFixed(2) : "–";
    const doubt = face && (face.deviation * face.square[2]).toFixed(1);
    element("doubt").textContent = face ? `± ${doubt} px` : "–";
  }

  /** Removes the faces of the previous picture. */
  forget() {
    this.faces = [];
    element("save").disabled = true;
    this.draw();
  }

  /** @param {number[]} [box] the box being dragged. */
  draw(box) {
    if (!this.photo) return;
    this._overlay.clear(this.photo);
    for (const face of this.faces) {
      this._overlay.face(face, this.landmarker.markup, element("ellipses").checked);
    }
    if (box) this._overlay.box(box);
  }

  get mirrored() {
    return element("frame").classList.contains("mirrored");
  }

  set mirrored(on) {
    element("frame").classList.toggle("mirrored", on);
  }
}
