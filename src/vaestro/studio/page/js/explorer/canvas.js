// Canvases that are as sharp as the screen and have the page's colours.

import { classColours } from "../plot.js";
import { colour, onTheme } from "../theme.js";

// A context whose unit is a CSS pixel, cleared; the canvas takes the size that the page gives it.
export function sheet(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const box = canvas.getBoundingClientRect();
  const width = Math.max(1, Math.round(box.width)), height = Math.max(1, Math.round(box.height));
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height, ratio };
}

let known = null;
onTheme(() => { known = null; });

// The page's colours as they are now: light or dark.
export function colours() {
  if (known === null) {
    const names = ["paper", "surface", "ink", "quiet", "rule", "edge", "accent", "mark"];
    known = Object.fromEntries(names.map((name) => [name, colour(`--${name}`)]));
    known.classes = classColours();
  }
  return known;
}

export const SANS = "ui-sans-serif, system-ui, sans-serif";

// Calls `redraw` when the canvas changes its size or the page its colours; returns what ends that.
export function whenLooksChange(canvas, redraw) {
  let planned = 0;
  const plan = () => { cancelAnimationFrame(planned); planned = requestAnimationFrame(redraw); };
  const sizes = new ResizeObserver(plan);
  sizes.observe(canvas);
  const stop = onTheme(plan);
  return () => {
    cancelAnimationFrame(planned);
    sizes.disconnect();
    stop();
  };
}

// Where a pointer is, in CSS pixels of the canvas.
export function placeOf(canvas, event) {
  const box = canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}
