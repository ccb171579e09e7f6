// A thing in space that turns: by dragging, and by the arrow keys.

import { placeOf } from "./canvas.js";

const KEY = 0.15;      // radians a key press
const PIXEL = 0.0095;  // radians a pixel dragged

// A rotation (nine numbers, row by row) that the reader changes; `changed` is called each time.
export class Turning {
  constructor(canvas, start, changed) {
    this.rotation = start.slice();
    this.start = start;
    this.changed = changed;
    canvas.tabIndex = 0;
    canvas.style.touchAction = "none";
    let last = null;
    canvas.addEventListener("pointerdown", (event) => {
      last = placeOf(canvas, event);
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (last === null) return;
      const place = placeOf(canvas, event);
      this.turn((place[0] - last[0]) * PIXEL, (place[1] - last[1]) * PIXEL);
      last = place;
    });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => { last = null; });
    }
    canvas.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: [-KEY, 0], ArrowRight: [KEY, 0], ArrowUp: [0, -KEY], ArrowDown: [0, KEY] };
      const step = steps[event.key];
      if (step === undefined && event.key !== "Home") return;
      event.preventDefault();
      if (step === undefined) this.reset(); else this.turn(...step);
    });
  }

  // Turn by angles about the screen's vertical and horizontal axes.
  turn(across, down) {
    const [c, s, k, t] = [Math.cos(across), Math.sin(across), Math.cos(down), Math.sin(down)];
    const vertical = [c, 0, s, 0, 1, 0, -s, 0, c];
    const horizontal = [1, 0, 0, 0, k, -t, 0, t, k];
    this.rotation = product(horizontal, product(vertical, this.rotation));
    this.changed();
  }

  reset() {
    this.rotation = this.start.slice();
    this.changed();
  }
}

// Matrices of 3 x 3 as nine numbers, row by row.
export function product(a, b) {
  const out = new Array(9);
  for (let row = 0; row < 3; row++) {
    for (let column = 0; column < 3; column++) {
      out[3 * row + column] = a[3 * row] * b[column] + a[3 * row + 1] * b[3 + column] + a[3 * row + 2] * b[6 + column];
    }
  }
  return out;
}

// Looking along one axis of the world, a little from the side and from above.
export function view(across, up) {
  const [c, s, k, t] = [Math.cos(across), Math.sin(across), Math.cos(up), Math.sin(up)];
  return product([1, 0, 0, 0, k, -t, 0, t, k], [c, 0, s, 0, 1, 0, -s, 0, c]);
}
