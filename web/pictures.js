/** Where pixels come from: files, the camera; what is said when they do not come, what is saved. */

import { boxOfLandmarks } from "./geometry.js";

const MAX_PIXELS = 16e6; // what a canvas holds on phones

/**
 * A photo, decoded and turned upright as its EXIF data says.
 *
 * @param {Blob} file
 * @param {string} name for the message.
 * @returns {Promise<{bitmap: ImageBitmap, size: number[]}>} `size`: width and height of the photo,
 *   more than the bitmap's where it is very large.
 */
export async function readPhoto(file, name) {
  try {
    const bitmap = await createImageBitmap(file);
    const size = [bitmap.width, bitmap.height];
    const scale = Math.sqrt((bitmap.width * bitmap.height) / MAX_PIXELS);
    if (scale <= 1) return { bitmap, size };
    const [resizeWidth, resizeHeight] = size.map((length) => Math.round(length / scale));
    const options = { resizeWidth, resizeHeight, resizeQuality: "high" };
    const smaller = await createImageBitmap(bitmap, options);
    bitmap.close();
    return { bitmap: smaller, size };
  } catch {
    throw new Error(`“${name}” is not a picture that can be read: damaged, or another kind of file.`);
  }
}

/** A playing `<video>` becomes the camera's picture; see `closeCamera`. */
export async function openCamera(video) {
  if (!navigator.mediaDevices) {
    throw new Error("The camera needs a secure page: open this one as localhost or over https.");
  }
  try {
    const wanted = { facingMode: "user", width: { ideal: 640 }, height: { ideal: 480 } };
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
    await video.play();
  } catch (error) {
    closeCamera(video); // it may have started, and not play
    throw new Error(
      {
        NotAllowedError: "The camera was refused. Allow it in the browser's settings of this page.",
        NotFoundError: "No camera was found.",
        NotReadableError: "The camera is in use by another program.",
      }[error.name] ?? `The camera did not start (${error.message}).`,
    );
  }
}

/** Lets the camera go, so that its light goes out. */
export function closeCamera(video) {
  for (const track of video.srcObject?.getTracks() ?? []) track.stop();
  video.srcObject = null;
}

/** Waits for the next frame of a camera. */
export function nextFrame(video) {
  return new Promise((resolve) => {
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(resolve);
    else requestAnimationFrame(resolve);
  });
}

/**
 * What is saved: faces as align.py writes them, without pose but with the crop each was found in.
 *
 * @param {{width: number, name: string, size: number[]}} photo as it is shown; see `readPhoto`.
 * @param {object[]} faces looks with their scores, see tracker.js.
 * @returns {object} JSON-ready, in pixels of the file.
 */
export function toRecord(photo, faces, landmarker) {
  const scale = photo.size[0] / photo.width;
  const place = (value) => (value + 0.5) * scale - 0.5; // the first pixel's centre is (0, 0)
  return {
    image: photo.name,
    width: photo.size[0],
    height: photo.size[1],
    model: landmarker.name,
    markup: landmarker.markup.name,
    faces: faces.map(({ landmarks, covariance, score, detectionScore, square, angle }) => ({
      box: boxOfLandmarks(landmarks, landmarker.faceBox).map(place),
      score,
      ...(detectionScore === undefined ? {} : { detection_score: detectionScore }),
      landmarks: landmarks.map((point) => point.map(place)),
      covariance: covariance.map(([xx, xy, yy]) => [
        [xx * scale ** 2, xy * scale ** 2],
        [xy * scale ** 2, yy * scale ** 2],
      ]),
      square: [place(square[0]), place(square[1]), square[2] * scale],
      angle,
    })),
  };
}
