/** The page: what is shown, what is said, and what happens when. */

import { Overlay } from "./drawing.js";
import { Landmarker } from "./landmarker.js";
import { closeCamera, nextFrame, openCamera, readPhoto, toRecord } from "./pictures.js";
import { listen } from "./pointing.js";
import { faceAt, faceInBox, findFace, Tracker } from "./tracker.js";

const element = (id) => document.getElementById(id);
const canvas = element("picture");
// Read back for every crop: kept in memory, not on a graphics card.
const context = canvas.getContext("2d", { willReadFrequently: true });
const overlay = new Overlay(element("overlay"));
const video = element("camera");

let photo = null; // {name, width, height, scale, pixels}: what is on the canvas
let face = null; // the look that is drawn over it, see tracker.js
let landmarker = null;
let filming = false;
let pointed = null; // in a film: finds the face that somebody pointed at, in the next frame
let latest = 0; // number of the last task; an older one that ends later is dropped

const loaded = new Map(); // name of a model: promise of its Landmarker

function say(text, kind = "") {
  element("status").textContent = text;
  element("status").className = `status ${kind}`;
}

async function useModel() {
  const name = element("model").value;
  if (!loaded.has(name)) loaded.set(name, Landmarker.load(`models/${name}.tflite`));
  try {
    landmarker = await loaded.get(name);
  } catch (error) {
    loaded.delete(name); // so that choosing it again tries again
    throw error;
  }
}

/** Runs a task; of several that overlap, the last one has its say. */
async function run(task) {
  const turn = ++latest;
  const current = () => turn === latest;
  try {
    await task(current);
  } catch (error) {
    if (current()) say(error.message, "error");
  }
}

/** Puts a picture on the canvas and reads its pixels. */
function show(source, width, height, name, scale) {
  if (canvas.width !== width || canvas.height !== height || !photo) {
    [canvas.width, canvas.height] = [width, height];
    element("frame").style.setProperty("--ratio", width / height);
    element("frame").style.setProperty("--pixels", width);
  }
  context.drawImage(source, 0, 0);
  photo = { name, width, height, scale, pixels: context.getImageData(0, 0, width, height) };
  element("frame").hidden = false;
  element("invitation").hidden = true;
  element("stage").classList.remove("empty");
}

function draw() {
  if (!photo) return;
  overlay.clear(photo);
  if (face) overlay.face(face, landmarker.markup, element("ellipses").checked);
}

/** Draws a face, or none, and its numbers. */
function present(found, speed) {
  face = found;
  draw();
  element("save").disabled = !face;
  element("speed").textContent = speed;
  element("look-time").textContent = `${landmarker.lookTime.toFixed(1)} ms`;
  element("score").textContent = face ? face.score.toFixed(2) : "–";
  element("doubt").textContent = face ? `± ${(face.deviation * face.square[2]).toFixed(1)} px` : "–";
}

/** Asks `find(landmarker, pixels, pause)` for a face of the photo that is shown. */
async function search(find, current, nothing) {
  say("Looking for a face …", "busy");
  await paint();
  const start = performance.now();
  const found = await find(landmarker, photo.pixels, paint);
  if (!current()) return;
  present(found, `found in ${Math.round(performance.now() - start)} ms`);
  say(found ? `${photo.name}: found a face.` : nothing, found ? "" : "error");
}

const paint = () => new Promise((resolve) => setTimeout(resolve)); // lets the page be drawn

const NO_FACE = "No face found. If there is one, click it, or drag a box around it.";

function openPhoto(file, name = file.name) {
  return run(async (current) => {
    say(`Reading ${name} …`, "busy");
    const { bitmap, scale } = await readPhoto(file, name);
    await useModel();
    if (!current()) return;
    stopFilming();
    mirror(false);
    face = null;
    show(bitmap, bitmap.width, bitmap.height, name, scale);
    bitmap.close();
    draw();
    await search(findFace, current, NO_FACE);
  });
}

function mirror(on) {
  element("frame").classList.toggle("mirrored", on);
}

function setFilming(on) {
  filming = on;
  element("camera-toggle").setAttribute("aria-pressed", on);
}

function stopFilming() {
  if (!filming) return;
  setFilming(false);
  closeCamera(video);
}

function film() {
  return run(async (current) => {
    say("Starting the camera …", "busy");
    await useModel();
    await openCamera(video);
    if (!current()) return closeCamera(video);
    setFilming(true);
    // As in a mirror, unless it looks away from its user.
    mirror(video.srcObject.getVideoTracks()[0].getSettings().facingMode !== "environment");
    const tracker = new Tracker();
    let [before, rate, said] = [performance.now(), 0, ""];
    while (filming) {
      await nextFrame(video);
      if (!filming || !video.videoWidth) continue;
      show(video, video.videoWidth, video.videoHeight, "camera", 1);
      if (pointed) [tracker.face, pointed] = [await pointed(landmarker, photo.pixels), null];
      const found = await tracker.next(landmarker, photo.pixels);
      if (!filming) return;
      const now = performance.now();
      rate += 0.1 * (1000 / (now - before) - rate) * (rate ? 1 : 10);
      before = now;
      present(found, `${rate.toFixed(0)} fps`);
      const saying = found ? "Following a face." : "No face found yet.";
      if (saying !== said) say((said = saying));
    }
  });
}

function point(find) {
  if (!photo) return;
  if (filming) pointed = find;
  else run((current) => search(find, current, "No face found there."));
}

function save() {
  const record = JSON.stringify(toRecord(photo, face, landmarker), null, 2);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([record], { type: "application/json" }));
  link.download = `${photo.name.replace(/\.\w+$/, "")}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

element("file").addEventListener("change", ({ target }) => {
  if (target.files[0]) openPhoto(target.files[0]);
  target.value = ""; // the same file can be chosen again
});
element("example").addEventListener("click", async () => {
  const response = await fetch("vendor/portrait.jpg").catch(() => null);
  if (response?.ok) openPhoto(await response.blob(), "portrait.jpg");
  else say("vendor/portrait.jpg is missing; “make web” puts it there.", "error");
});
element("camera-toggle").addEventListener("click", () => {
  if (!filming) return film();
  stopFilming();
  return say("The camera is off.");
});
element("model").addEventListener("change", () =>
  run(async (current) => {
    say("Loading the model …", "busy");
    await useModel();
    if (!current()) return;
    if (photo && !filming) await search(findFace, current, NO_FACE);
    else say("Ready.");
  }),
);
element("ellipses").addEventListener("change", draw);
element("save").addEventListener("click", save);

for (const type of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(type, (event) => {
    event.preventDefault();
    element("stage").classList.toggle("dropping", type === "dragover");
    if (type === "drop" && event.dataTransfer.files[0]) openPhoto(event.dataTransfer.files[0]);
  });
}
listen(
  element("overlay"),
  () => ({ ...photo, mirrored: element("frame").classList.contains("mirrored") }),
  {
    onPoint: (at) => point((model, pixels) => faceAt(model, pixels, at)),
    onBox: (box) => point((model, pixels) => faceInBox(model, pixels, box)),
    onDrag: (box) => {
      draw();
      overlay.box(box);
    },
  },
);
new ResizeObserver(draw).observe(element("frame"));
addEventListener("pagehide", () => closeCamera(video));

run(async (current) => {
  await useModel();
  if (current()) say("Ready.");
});
