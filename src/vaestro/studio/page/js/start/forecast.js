// The forecast of what is asked for: shown before anything can be started.

import { command, element, fill, verdict } from "../dom.js";
import { counted, number } from "../numbers.js";
import { bars } from "./bars.js";

const WORDS = { ok: ["ok", "good"], at_risk: ["at risk", "doubtful"], collapse: ["collapse", "bad"] };
const BASELINES = {
  constant: "the best constant output",
  linear: "the best linear VAE under this loss",
  ppca: "probabilistic PCA with its own variance",
};

/** Fills `place` with a forecast; `apply(edit)` takes a remedy into the form. */
export function showForecast(place, told, apply) {
  const [word, tone] = WORDS[told.verdict] ?? [told.verdict, "neutral"];
  fill(place,
    element("p", { class: "forecast-verdict" }, verdict(word, tone), " ", told.sentence),
    told.cost ? element("p", {}, cost(told.cost)) : null,
    told.eigenvalues.length ? bars(told.eigenvalues, told.eigenvalues_held_out) : null,
    list("Why", told.reasons),
    list("The numbers of the first step", told.findings.map((finding) => finding.sentence)),
    remedies(told.remedies, apply),
    baselines(told));
}

function list(title, sentences) {
  if (!sentences.length) return null;
  return element("details", { open: true }, element("summary", {}, title), element("ul", { class: "reasons" }, sentences.map((one) => element("li", {}, one))));
}

function remedies(edits, apply) {
  if (!edits.length) return null;
  return element("div", { class: "remedies" }, element("h3", {}, "What helps, any one of these"), edits.map((edit) =>
    element("div", { class: "remedy" }, command(`--set ${/^[\w.=-]+$/.test(edit) ? edit : `'${edit}'`}`),
      element("button", { type: "button", "aria-label": `Apply ${edit}`, onclick: () => apply(edit) }, "Apply"))));
}

function baselines(told) {
  const rows = Object.entries(BASELINES).filter(([name]) => told.baselines[name] !== null && told.baselines[name] !== undefined)
    .map(([name, words]) => [number(told.baselines[name]), words]);
  if (told.largest_beta_one_lives !== null) rows.push([number(told.largest_beta_one_lives), "the largest objective.beta at which one dimension lives"]);
  if (told.largest_beta_half_live !== null) rows.push([number(told.largest_beta_half_live), `at which half of the ${told.latent} live`]);
  if (!rows.length) return null;
  return element("details", {}, element("summary", {}, "Nats per sample to beat, and the largest beta"),
    element("table", { class: "baselines" }, element("tbody", {}, rows.map(([value, words]) => element("tr", {}, element("td", {}, value), element("th", { scope: "row", class: "words" }, words))))));
}

function cost({ seconds, low, high, memory, timed_steps: steps }) {
  const bytes = memory === null ? "" : `, ${number(Math.round(memory / 2 ** 20))} MiB of memory`;
  return `The whole run takes about ${span(seconds)} on this machine (${span(low)} to ${span(high)}, timed over ${counted(steps, "step")})${bytes}.`;
}

function span(seconds) {
  if (seconds < 60) return `${number(seconds < 10 ? Number(seconds.toFixed(1)) : Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}
