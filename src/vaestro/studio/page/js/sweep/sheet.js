// A drawing that fits its place: drawn again when the width changes.

import { element } from "../dom.js";

/** Draws `draw(width)` -> SVG element into `place` in CSS pixels; returns {redraw, remove}. */
export function sheet(place, draw) {
  const focused = place.contains(document.activeElement);
  const within = element("div", {});
  place.replaceChildren(within);
  let width = 0;
  const redraw = (again) => {
    width = Math.max(240, Math.round(within.clientWidth));
    const drawn = draw(width);
    within.replaceChildren(drawn);
    if (again) drawn.focus({ preventScroll: true });
  };
  const observer = new ResizeObserver(() => {
    if (Math.abs(within.clientWidth - width) > 2) redraw(within.contains(document.activeElement));
  });
  observer.observe(within);
  redraw(focused);
  return { redraw, remove: () => observer.disconnect() };
}

/** An SVG element of this size with a description. */
export function canvas(width, height, label, attributes = {}) {
  return element("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, class: "drawing", ...attributes });
}

/** Round numbers between `low` and `high`, about `count` of them. */
export function ticks(low, high, count) {
  const raw = (high - low) / Math.max(1, count);
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * size).find((one) => one >= raw * 0.999);
  const found = [];
  for (let place = Math.ceil(low / step); place * step <= high + 1e-9 * step; place += 1) found.push(Number((place * step).toPrecision(12)));
  return found;
}

/** A tick's number: as few digits as it needs. */
export function plain(value) {
  const text = Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3) ? value.toExponential() : String(value);
  return text.replace("-", "\u2212").replace(/\B(?=(\d{3})+$)/g, (found, _, at, all) => (all.includes(".") || all.length < 5 ? "" : "\u202f"));
}
