// One slider a latent dimension, live ones first, with what it carries in nats.

import { element } from "../dom.js";
import { number } from "../numbers.js";

// A code's number: +1.25, two decimals, a true minus.
export function signed(value) {
  const text = value.toFixed(2).replace(/^-0\.00$/, "0.00");
  return (Number(text) > 0 ? "+" : "") + text.replace("-", "−");
}

// Sliders for `facts.dimensions`; `moved(index, value)` is called as one moves. `show(code)` puts
// all of them where the code is.
export function sliders(facts, moved) {
  const rows = facts.dimensions.map((dimension) => sliderOf(dimension, facts, moved));
  return {
    node: element("div", { class: "sliders" }, ...rows.map((row) => row.node)),
    show(code) { for (const row of rows) row.show(code); },
  };
}

function sliderOf(dimension, facts, moved) {
  const name = `z ${dimension.index}`;
  const said = element("output", { class: "slider-value" }, signed(0));
  const input = element("input", {
    type: "range", min: String(dimension.low), max: String(dimension.high), step: "0.01", "aria-label": `${name}, ${carried(dimension, facts)}`,
  });
  const tell = (value) => {
    said.textContent = signed(value);
    input.setAttribute("aria-valuetext", signed(value));
  };
  input.addEventListener("input", () => {
    const value = Number(input.value);
    tell(value);
    moved(dimension.index, value);
  });
  const head = element("span", { class: "slider-head" },
    element("b", {}, name), element("span", { class: "slider-kl" }, carried(dimension, facts)), said);
  return {
    node: element("label", { class: dimension.live === false ? "slider idle" : "slider" }, head, input),
    show(code) {
      input.value = String(code[dimension.index]);
      tell(code[dimension.index]);
    },
  };
}

// What the dimension carries, in words: its KL, or for a plain autoencoder its codes' spread.
function carried(dimension, facts) {
  if (dimension.kl !== null) {
    const nats = dimension.kl < 0.1 ? Math.max(0, dimension.kl).toFixed(3) : number(dimension.kl);
    return `${nats} nats${dimension.live ? "" : ", not live"}`;
  }
  if (dimension.deviation === null) return "";
  return facts.stochastic ? "" : `codes vary by ${number(dimension.deviation)}`;
}
