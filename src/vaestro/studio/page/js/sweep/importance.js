// How much each field matters for each figure, as bars.

import { element } from "../dom.js";

/** `found`: [{figure, shares: [[field, share]], note}]. */
export function importance(found) {
  const told = found.map(({ figure, shares, note }) => element("div", { class: "matter" }, element("h3", {}, figure),
    shares.length ? element("ul", { class: "shares" }, shares.map(([field, share]) => bar(field, share))) : element("p", { class: "quietly" }, note)));
  return element("div", { class: "matters" }, told);
}

function bar(field, share) {
  const length = element("span", { class: "share" });
  length.style.width = `${Math.min(100, 100 * Math.max(0, share))}%`;
  return element("li", {}, element("span", { class: "field-name" }, field), element("span", { class: "track", "aria-hidden": "true" }, length), element("span", { class: "value" }, `${Math.round(100 * share)}\u202f%`));
}
