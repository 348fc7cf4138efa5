/** Handles clicks and drags on a picture. */

const MIN_DRAG = 12; // screen pixels: a shorter drag is a click

/**
 * Calls `onPoint([x, y])` for a click or tap, and `onBox([x_min, y_min, x_max, y_max])` after a drag
 * with a mouse or pen; `onDrag` gets the box during the drag, or nothing. All are in image pixels.
 * Dragging with a finger scrolls the page.
 *
 * @param {HTMLElement} element the element that the picture fills.
 * @param {function(): {width: number, height: number, mirrored: boolean}} getFrame the picture.
 */
export function listen(element, getFrame, { onPoint, onBox, onDrag }) {
  let start = null;

  function place({ clientX, clientY }) {
    const { width, height, mirrored } = getFrame();
    const edge = element.getBoundingClientRect();
    const across = (clientX - edge.left) / edge.width;
    const down = (clientY - edge.top) / edge.height;
    return [(mirrored ? 1 - across : across) * width - 0.5, down * height - 0.5];
  }

  function boxTo(event) {
    const [[x, y], [otherX, otherY]] = [place(start), place(event)];
    return [Math.min(x, otherX), Math.min(y, otherY), Math.max(x, otherX), Math.max(y, otherY)];
  }

  const isDrag = (event) =>
    event.pointerType !== "touch" &&
    Math.min(
      Math.abs(event.clientX - start.clientX),
      Math.abs(event.clientY - start.clientY),
    ) >= MIN_DRAG;

  element.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    start = event;
    if (event.pointerType !== "touch") element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointermove", (event) => {
    if (start) onDrag(isDrag(event) ? boxTo(event) : undefined);
  });
  element.addEventListener("pointerup", (event) => {
    if (!start) return;
    if (isDrag(event)) onBox(boxTo(event));
    else onPoint(place(event));
    start = null;
  });
  element.addEventListener("pointercancel", () => {
    start = null;
    onDrag();
  });
}
