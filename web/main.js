/** The page: what happens when. */

import { Landmarker } from "./landmarker.js";
import { closeCamera, nextFrame, openCamera, readPhoto, toRecord } from "./pictures.js";
import { listen } from "./pointing.js";
import { OneEuroFilter } from "./smoothing.js";
import { faceAt, faceInBox, findFace, Tracker } from "./tracker.js";
import { View } from "./view.js";

const NO_FACE = "No face found. If there is one, click it, or drag a box around it.";

const element = (id) => document.getElementById(id);
const view = new View();
const video = element("camera");
const loaded = new Map(); // name of a model: promise of its Landmarker

let landmarker = null;
let filming = null; // a mark of the film that is running
let pointed = null; // in a film: finds the face that somebody pointed at, in the next frame
let latest = 0; // number of the last task; an older one that ends later is dropped

async function useModel() {
  const name = element("model").value;
  if (!loaded.has(name)) loaded.set(name, Landmarker.load(`models/${name}.tflite`));
  try {
    const ready = await loaded.get(name);
    if (name !== element("model").value) return useModel(); // another was chosen meanwhile
    landmarker = ready;
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
    if (current()) view.say(error.message, "error");
  }
}

/** Asks `find(landmarker, pixels)` for a face of the photo that is shown. */
async function search(find, current, nothing) {
  view.say("Looking for a face …", "busy");
  const start = performance.now();
  const found = await find(landmarker, view.photo.pixels);
  if (!current()) return;
  view.present(found, landmarker, `found in ${Math.round(performance.now() - start)} ms`);
  view.say(found ? `${view.photo.name}: found a face.` : nothing, found ? "" : "error");
}

function openPhoto(file, name = file.name) {
  return run(async (current) => {
    view.say(`Reading ${name} …`, "busy");
    const { bitmap, size } = await readPhoto(file, name);
    await useModel();
    if (!current()) return;
    stopFilming();
    view.mirrored = false;
    view.show(bitmap, bitmap.width, bitmap.height, name, size);
    bitmap.close();
    view.forget();
    await search(findFace, current, NO_FACE);
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
    // As in a mirror, unless it looks away from its user.
    view.mirrored = track.getSettings().facingMode !== "environment";
    track.addEventListener("ended", () => {
      stopFilming();
      view.say("The camera was disconnected.", "error");
    });
    const mine = filming;
    try {
      await follow(mine);
    } catch (error) {
      // Said here: by now another task may be the last one.
      if (filming === mine) view.say(error.message, "error");
    } finally {
      if (filming === mine) stopFilming();
    }
  });
}

/** Shows the camera, and the face in it, until this film is over. */
async function follow(mine) {
  const tracker = new Tracker();
  let filter = new OneEuroFilter();
  let [before, interval, said] = [performance.now(), null, ""];
  while (filming === mine) {
    await nextFrame(video);
    if (filming !== mine) return;
    view.show(video, video.videoWidth, video.videoHeight, "camera");
    const pixels = view.photo.pixels;
    if (pointed) [tracker.face, filter] = [await pointed(landmarker, pixels), new OneEuroFilter()];
    pointed = null;
    const found = await tracker.next(landmarker, pixels);
    if (filming !== mine) return;
    const now = performance.now();
    interval = 0.9 * (interval ?? now - before) + 0.1 * (now - before);
    before = now;
    if (!found) filter = new OneEuroFilter();
    const shown = found && filter.smooth(found, now / 1000);
    view.present(shown, landmarker, `${Math.round(1000 / interval)} fps`);
    const saying = found ? "Following a face." : "No face found yet.";
    if (saying !== said) view.say((said = saying));
  }
}

function point(find) {
  if (filming) pointed = find;
  else if (view.photo) run((current) => search(find, current, "No face found there."));
}

function save() {
  const { photo, face } = view;
  const record = JSON.stringify(toRecord(photo, face, view.landmarker), null, 2);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([record], { type: "application/json" }));
  link.download = `${photo.name.replace(/\.\w+$/, "")}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function tryPortrait() {
  const response = await fetch("vendor/portrait.jpg").catch(() => null);
  if (response?.ok) openPhoto(await response.blob(), "portrait.jpg");
  else view.say("vendor/portrait.jpg is missing; “make web” puts it there.", "error");
}

element("file").addEventListener("change", ({ target }) => {
  if (target.files[0]) openPhoto(target.files[0]);
  target.value = ""; // the same file can be chosen again
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
    if (view.photo && !filming) await search(findFace, current, NO_FACE);
    else view.say(filming ? "The camera goes on with this model." : "Ready.");
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
