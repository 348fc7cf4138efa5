/** The page: event handlers and tasks. */

import { Detector } from "./detector.js";
import { Landmarker } from "./landmarker.js";
import { closeCamera, nextFrame, openCamera, readPhoto, toRecord } from "./pictures.js";
import { listen } from "./pointing.js";
import { OneEuroFilter } from "./smoothing.js";
import { faceAt, faceInBox, findFaces, isSame, Tracker } from "./tracker.js";
import { View } from "./view.js";

const NO_FACE = "No face found. If there is one, click it or drag a box around it.";

const element = (id) => document.getElementById(id);
const view = new View();
const video = element("camera");
const loaded = new Map(); // model name: promise of its Landmarker

let detecting; // promise of the detector
let detector = null;
let landmarker = null;
let filming = null; // identifies the running camera session
let pointed = null; // with the camera: finds the face the user pointed at, in the next frame
let latest = 0; // number of the last task; results of older tasks are dropped

async function useModel() {
  const name = element("model").value;
  detecting ??= Detector.load("models/detector.tflite").catch((error) => {
    detecting = undefined; // the next use retries
    throw error;
  });
  detector = await detecting;
  if (!loaded.has(name)) loaded.set(name, Landmarker.load(`models/${name}.tflite`));
  try {
    const ready = await loaded.get(name);
    if (name !== element("model").value) return useModel(); // the user chose another meanwhile
    landmarker = ready;
  } catch (error) {
    loaded.delete(name); // choosing it again retries
    throw error;
  }
}

/** Runs a task; if several overlap, only the last one reports. */
async function run(task) {
  const turn = ++latest;
  const current = () => turn === latest;
  try {
    await task(current);
  } catch (error) {
    if (current()) view.say(error.message, "error");
  }
}

const count = (faces) => (faces.length === 1 ? "a face" : `${faces.length} faces`);

/** Shows the results of `find()` in the photo: its faces, and the measurements of the chosen one. */
async function search(find, current, nothing) {
  view.say("Looking for faces …", "busy");
  const start = performance.now();
  const { faces, chosen = 0 } = await find();
  if (!current()) return;
  const speed = `found in ${Math.round(performance.now() - start)} ms`;
  view.present(faces, landmarker, speed, chosen);
  if (faces.length) view.say(`${view.photo.name}: found ${count(faces)}.`);
  else view.say(nothing, "error");
}

const searchAll = async () => ({ faces: await findFaces(landmarker, detector, view.photo.pixels) });

function openPhoto(file, name = file.name) {
  return run(async (current) => {
    view.say(`Reading ${name} …`, "busy");
    const { bitmap, size } = await readPhoto(file, name);
    try {
      await useModel();
      if (!current()) return;
      stopFilming();
      view.mirrored = false;
      view.show(bitmap, bitmap.width, bitmap.height, name, size);
    } finally {
      bitmap.close();
    }
    view.forget();
    await search(searchAll, current, NO_FACE);
  });
}

function setFilming(on) {
  filming = on ? Symbol("film") : null;
  element("camera-toggle").setAttribute("aria-pressed", on);
}

function stopFilming() {
  if (!filming) return;
  setFilming(false);
  closeCamera(video);
}

function film() {
  return run(async (current) => {
    view.say("Starting the camera …", "busy");
    element("camera-toggle").disabled = true;
    try {
      await useModel();
      await openCamera(video);
    } finally {
      element("camera-toggle").disabled = false;
    }
    if (!current()) return closeCamera(video);
    setFilming(true);
    view.forget();
    const [track] = video.srcObject.getVideoTracks();
    // Mirrored, unless the camera faces away from the user.
    view.mirrored = track.getSettings().facingMode !== "environment";
    track.addEventListener("ended", () => {
      stopFilming();
      view.say("The camera was disconnected.", "error");
    });
    const mine = filming;
    try {
      await follow(mine);
    } catch (error) {
      // Reported here: another task may be the last one by now.
      if (filming === mine) view.say(error.message, "error");
    } finally {
      if (filming === mine) stopFilming();
    }
  });
}

/** Shows the camera and its faces until this session ends. */
async function follow(mine) {
  const tracker = new Tracker();
  let filters = new Map(); // for each face, by its number
  let [before, interval, said] = [performance.now(), null, ""];
  while (filming === mine) {
    await nextFrame(video);
    if (filming !== mine) return;
    view.show(video, video.videoWidth, video.videoHeight, "camera");
    const pixels = view.photo.pixels;
    if (pointed) tracker.add(await pointed(landmarker, pixels));
    pointed = null;
    const found = await tracker.next(landmarker, detector, pixels);
    if (filming !== mine) return;
    const now = performance.now();
    interval = 0.9 * (interval ?? now - before) + 0.1 * (now - before);
    before = now;
    filters = new Map(found.map(({ id }) => [id, filters.get(id) ?? new OneEuroFilter()]));
    const shown = found.map((face) => filters.get(face.id).smooth(face, now / 1000));
    view.present(shown, landmarker, `${Math.round(1000 / interval)} fps`);
    const saying = found.length ? `Following ${count(found)}.` : "No face found yet.";
    if (saying !== said) view.say((said = saying));
  }
}

/** Finds the face the user pointed at; it replaces the face there, if any. */
function point(find) {
  if (filming) pointed = find;
  if (filming || !view.photo) return;
  const { pixels } = view.photo;
  const searchThere = async () => {
    const face = await find(landmarker, pixels);
    if (!face) return { faces: [] };
    const others = view.faces.filter((other) => !isSame(face, other));
    return { faces: [...others, face], chosen: others.length };
  };
  run(async (current) => {
    const before = view.faces;
    await search(searchThere, current, "No face found there.");
    if (current() && !view.faces.length) view.present(before, landmarker, "–");
  });
}

function save() {
  const { photo, faces } = view;
  const record = JSON.stringify(toRecord(photo, faces, view.landmarker), null, 2);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([record], { type: "application/json" }));
  link.download = `${photo.name.replace(/\.\w+$/, "")}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function tryPortrait() {
  const response = await fetch("vendor/portrait.jpg").catch(() => null);
  if (response?.ok) openPhoto(await response.blob(), "portrait.jpg");
  else view.say("vendor/portrait.jpg is missing; run “make web” to create it.", "error");
}

element("file").addEventListener("change", ({ target }) => {
  if (target.files[0]) openPhoto(target.files[0]);
  target.value = ""; // lets the user choose the same file again
});
element("example").addEventListener("click", tryPortrait);
element("camera-toggle").addEventListener("click", () => {
  if (!filming) return film();
  stopFilming();
  return view.say("The camera is off.");
});
element("model").addEventListener("change", () =>
  run(async (current) => {
    view.say("Loading the model …", "busy");
    await useModel();
    if (!current()) return;
    if (view.photo && !filming) await search(searchAll, current, NO_FACE);
    else view.say(filming ? "The camera now uses this model." : "Ready.");
  }),
);
element("ellipses").addEventListener("change", () => view.draw());
element("save").addEventListener("click", save);

for (const type of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(type, (event) => {
    event.preventDefault();
    element("stage").classList.toggle("dropping", type === "dragover");
    if (type === "drop" && event.dataTransfer.files[0]) openPhoto(event.dataTransfer.files[0]);
  });
}
listen(element("overlay"), () => ({ ...view.photo, mirrored: view.mirrored }), {
  onPoint: (at) => point((model, pixels) => faceAt(model, pixels, at)),
  onBox: (box) => point((model, pixels) => faceInBox(model, pixels, box)),
  onDrag: (box) => view.draw(box),
});
addEventListener("pagehide", () => closeCamera(video));

run(async (current) => {
  await useModel();
  if (current()) view.say("Ready.");
});
