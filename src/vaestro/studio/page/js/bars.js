// The KL of each latent dimension as a strip of bars; linear to the threshold, logarithmic above.

import { element, fill } from "./dom.js";
import { counted, number } from "./numbers.js";

const TOP = 14, FLOOR = 118, LEFT = 44;
const TICKS = [0.01, 0.1, 1, 10, 100, 1000];

/** Draw `nats` (largest first at the end of training) of the named `dimensions` into `place`. */
export function bars(place, { nats, dimensions, all, threshold, highest }) {
  const width = Math.min(1100, Math.max(280, place.clientWidth));
  const top = Math.max(2.5 * highest, 0.1);
  const rise = (value) => (value <= threshold ? 0.6 * value / threshold : 0.6 + Math.log10(value / threshold));
  const y = (value) => FLOOR - (FLOOR - TOP) * Math.min(1, rise(Math.max(value, 0)) / rise(top));
  const wide = Math.min(44, (width - LEFT - 8) / Math.max(1, nats.length));
  const live = nats.filter((value) => value > threshold).length;
  const parts = [];
  for (const tick of TICKS.filter((one) => one <= top)) {
    parts.push(element("line", { x1: LEFT, x2: width, y1: y(tick), y2: y(tick), class: tick === threshold ? "limit" : "grid" }));
    parts.push(element("text", { x: LEFT - 6, y: y(tick) + 4, class: "tick end" }, String(tick)));
  }
  nats.forEach((value, i) => {
    const high = y(value ?? 0), x = LEFT + 4 + i * wide;
    parts.push(element("rect", { x: x + 0.1 * wide, width: 0.8 * wide, y: high, height: Math.max(0.5, FLOOR - high), class: value > threshold ? "bar live" : "bar" },
      element("title", {}, `dimension ${dimensions[i]}: ${number(value)} nats`)));
    if (wide >= 18) parts.push(element("text", { x: x + wide / 2, y: FLOOR + 14, class: "tick middle" }, String(dimensions[i])));
  });
  const missing = all > nats.length ? `; the other ${number(all - nats.length)} carry less` : "";
  const label = `KL of ${counted(nats.length, "latent dimension")} in nats, ${number(live)} above ${threshold}${missing}`;
  fill(place, element("svg", { class: "bars", viewBox: `0 0 ${width} 136`, role: "img", "aria-label": label }, parts));
  return { live, missing };
}
