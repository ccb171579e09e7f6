// How a trial is marked, told apart by shape as well as by colour, as in the report.

import { element } from "../dom.js";

export const ORDER = ["untrained", "stopped", "failed", "refused", "finished", "front"];

/** The mark of a kind at a place. */
export function mark(kind, x, y, attributes = {}) {
  const names = { class: `mark mark-${kind}`, ...attributes };
  if (kind === "untrained") return element("path", { d: `M${x - 5} ${y - 4}h10l-5 8.5z`, ...names });
  if (kind === "stopped" || kind === "failed") return element("path", { d: `M${x - 4} ${y - 4}l8 8m0 -8l-8 8`, ...names });
  if (kind === "refused") return element("rect", { x: x - 3.5, y: y - 3.5, width: 7, height: 7, ...names });
  return element("circle", { cx: x, cy: y, r: kind === "front" ? 5 : 4, ...names });
}

/** The ring around the best trial. */
export function ring(x, y, kind = "best") {
  return element("circle", { cx: x, cy: y, r: kind === "best" ? 9 : 12, class: `ring ring-${kind}` });
}

/** What the marks mean and how many trials have each; `words` come from the server. */
export function legend(kinds, words, best) {
  const counts = ORDER.map((kind) => [kind, kinds.filter((one) => one === kind).length]).filter(([, count]) => count).reverse();
  const sign = (made) => element("svg", { width: 24, height: 24, viewBox: "-12 -12 24 24", "aria-hidden": "true" }, made);
  const items = counts.map(([kind, count]) => element("li", {}, sign(mark(kind, 0, 0)), `${kind === "finished" && kinds.includes("front") ? "finished, off the front" : words[kind] ?? kind} (${count})`));
  if (best) items.unshift(element("li", {}, sign(ring(0, 0)), "best"));
  return element("ul", { class: "legend" }, items);
}
