// What a conditional decoder is told beside the code: a label, covariates.

import { element } from "../dom.js";
import { number } from "../numbers.js";

// Controls for `facts.told`; `changed()` is called when one changes. `value()` is what a request
// says; `take(sample)` sets what is known of a held-out sample. Null where nothing is told.
export function told(facts, changed) {
  const { labels, covariates } = facts.told;
  if (labels.length === 0 && covariates.length === 0) return null;
  const choice = labels.length ? labelChoice(labels, changed) : null;
  const numbers = covariates.map((covariate) => covariateSlider(covariate, changed));
  return {
    node: element("fieldset", { class: "told" },
      element("legend", {}, "What the decoder is told"), choice?.node, ...numbers.map((one) => one.node)),
    value: () => ({
      ...(choice ? { label: choice.value() } : {}),
      ...(numbers.length ? { covariates: Object.fromEntries(numbers.map((one) => [one.name, one.value()])) } : {}),
    }),
    take(sample) {
      if (sample.label !== undefined) choice?.take(sample.label);
      for (const one of numbers) if (one.name in (sample.covariates ?? {})) one.take(sample.covariates[one.name]);
    },
  };
}

function labelChoice(labels, changed) {
  const options = labels.map((label) => element("option", { value: label.value }, label.name));
  const select = element("select", {}, ...options);
  select.addEventListener("change", changed);
  return {
    node: element("label", {}, element("span", {}, "Label"), select),
    value: () => select.value,
    take: (value) => { select.value = value; },
  };
}

function covariateSlider({ name, unit, low, high, typical }, changed) {
  const words = (value) => `${number(value)} ${unit}`.trim();
  const said = element("output", {}, words(typical));
  const step = (high - low) / 200 || 1;
  const input = element("input", {
    type: "range", min: String(low), max: String(high), step: String(step), "aria-label": name,
  });
  input.value = String(typical);
  const tell = () => {
    said.textContent = words(Number(input.value));
    input.setAttribute("aria-valuetext", said.textContent);
  };
  input.addEventListener("input", () => { tell(); changed(); });
  return {
    name,
    node: element("label", {}, element("span", {}, name), input, said),
    value: () => Number(input.value),
    take: (value) => { input.value = String(value); tell(); },
  };
}
