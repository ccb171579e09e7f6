// The strength of the data's directions as bars on a logarithmic scale; above 1 they live.

import { element } from "../dom.js";
import { number } from "../numbers.js";

const SHOWN = 16, DECADES = 4;

/** The figure. `values`: largest first; `held`: the same along directions of one half, measured in the other. */
export function bars(values, held) {
  const shown = values.slice(0, SHOWN);
  const high = Math.max(Math.log10(Math.max(shown[0], 1e-300)), 0) + 0.05;
  const low = Math.max(Math.min(Math.log10(Math.max(shown.at(-1), 1e-300)), 0) - 0.05, high - DECADES);
  const place = (value) => (100 * (Math.min(Math.max(Math.log10(Math.max(value, 1e-300)), low), high) - low)) / (high - low);
  const living = values.filter((value) => value > 1).length;
  const rows = shown.map((value, index) => {
    const bar = element("span", { class: value > 1 ? "strength lives" : "strength" });
    bar.style.width = `${place(value)}%`;
    const line = element("span", { class: "threshold" });
    line.style.left = `${place(1)}%`;
    const note = held[index] === undefined ? "" : `held out ${number(held[index])}`;
    return element("li", {}, element("span", { class: "rank" }, String(index + 1)), element("span", { class: "track", "aria-hidden": "true" }, bar, line),
      element("span", { class: "value" }, number(value)), element("span", { class: "note" }, note));
  });
  const more = values.length > SHOWN ? `, the first ${SHOWN} of ${number(values.length)}` : "";
  return element("figure", { class: "directions" },
    element("figcaption", {}, `Strength of the data\u2019s directions${more} (logarithmic, no unit). Above the line at 1 they live: ${number(living)} do.`),
    element("ol", {}, rows));
}
