/** Reads photos and the camera, with their error messages; builds the record to save. */

import { boxOfLandmarks } from "./geometry.js";

const MAX_PIXELS = 16e6; // largest canvas on phones

/**
 * Decodes a photo and applies its EXIF rotation.
 *
 * @param {Blob} file
 * @param {string} name for the error message.
 * @returns {Promise<{bitmap: ImageBitmap, size: number[]}>} `size`: width and height of the photo;
 *   the bitmap of a very large photo is smaller.
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
    throw new Error(`“${name}” is not a readable picture: damaged, or another kind of file.`);
  }
}

/** Plays the camera in a `<video>`; see `closeCamera`. */
export async function openCamera(video) {
  if (!navigator.mediaDevices) {
    throw new Error("The camera needs a secure page: open it on localhost or over https.");
  }
  try {
    const wanted = { facingMode: "user", width: { ideal: 640 }, height: { ideal: 480 } };
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
    await video.play();
  } catch (error) {
    closeCamera(video); // it may have started without playing
    throw new Error(
      {
        NotAllowedError: "Camera access was denied. Allow it in the browser's settings for this page.",
        NotFoundError: "No camera was found.",
        NotReadableError: "The camera is in use by another program.",
      }[error.name] ?? `The camera did not start (${error.message}).`,
    );
  }
}

/** Releases the camera, which turns off its light. */
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
 * The record to save: faces as in align.py, without pose but with the crop of each face.
 *
 * @param {{width: number, name: string, size: number[]}} photo as shown; see `readPhoto`.
 * @param {object[]} faces passes with their scores, see tracker.js.
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
