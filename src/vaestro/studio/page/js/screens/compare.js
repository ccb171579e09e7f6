// Several runs side by side: overlaid curves, what differs between their recipes, pictures.

import { address, get } from "../api.js";
import { figure } from "../curves.js";
import { element, fill, verdict } from "../dom.js";
import { followed } from "../following.js";
import { counted, number } from "../numbers.js";
import { plot } from "../plot.js";
import { colour } from "../theme.js";
import { toast } from "../toast.js";

const DASHES = ["solid", "dash", "dot", "dashdot", "longdash"];

export function show(place, { ids }) {
  return followed(ids, (follow) => drawn(place, ids, follow));
}

async function drawn(place, ids, follow) {
  const query = new URLSearchParams(ids.map((id) => ["id", id])).toString();
  const view = { log: false, late: false, split: "validation" };
  let told = await read(query), histories = await historiesOf(told.runs);
  const canvas = element("div", { class: "plot" });
  const names = element("div", {}), fields = element("div", {}), pictures = element("div", { class: "compare-pictures" });
  const choice = (label, options, key, values) => element("label", {}, label, element("select", { onchange: (event) => { view[key] = values[event.target.selectedIndex]; curves.redraw(); } }, options.map((name) => element("option", {}, name))));
  fill(place,
    element("div", { class: "head" }, element("p", { class: "eyebrow" }, element("a", { href: "#/runs" }, "Runs"), " / compare"), element("h1", {}, counted(told.runs.length, "run"))),
    names,
    element("section", {}, element("h2", {}, "Curves"),
      element("div", { class: "tools" },
        choice("Measured on", ["held-out data", "training data"], "split", ["validation", "train"]),
        choice("Scale", ["linear", "log"], "log", [false, true]),
        choice("Steps", ["whole run", "later part"], "late", [false, true])),
      element("div", { class: "panel" }, canvas),
      element("p", { class: "source" }, "Every line keeps the lowest and the highest value of each stretch.")),
    element("section", {}, element("h2", {}, "Where the recipes differ"), fields),
    element("section", {}, element("h2", {}, "Pictures"), pictures));

  const make = () => figure(told.runs.map((run, i) => ({
    name: label(told.runs, i), curves: histories[i], split: view.split, colour: colour(`--class-${i % 10}`), width: 1.7, dash: DASHES[Math.floor(i / 2) % DASHES.length],
  })).filter((line) => line.curves), view);
  function draw() {
    fill(names, summary(told.runs));
    fill(fields, differences(told));
    fill(pictures, told.runs.map((run, i) => portrait(run, i, told.runs)));
  }
  draw();
  const curves = await plot(canvas, `Curves of ${counted(told.runs.length, "run")}, each with a colour and a dash of its own.`, make);
  follow.begin(async () => {
    told = await read(query);
    histories = await historiesOf(told.runs);
    draw();
    await curves.redraw();
  });
  return () => { follow.stop(); curves.remove(); };
}

async function read(query) {
  return get(`compare?${query}`); // an id may stand several times, which get(path, {}) has no words for
}

async function historiesOf(runs) {
  return Promise.all(runs.map(async (run) => {
    if (run.error) return null;
    try {
      return (await get("run/history", { id: run.id, points: 600 })).curves;
    } catch (fault) {
      toast(`${run.id}: ${fault.message}`);
      return null;
    }
  }));
}

/** The run's name, with its folder where others have the same name. */
function label(runs, i) {
  const run = runs[i];
  return runs.some((other, j) => j !== i && other.name === run.name) ? run.id.split("/").slice(-2).join("/") : run.name;
}

function swatch(i) {
  return element("span", { class: "swatch", style: `background:var(--class-${i % 10})` });
}

function link(run, i, runs) {
  return element("a", { href: `#/run/${encodeURIComponent(run.id)}` }, label(runs, i));
}

function summary(runs) {
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Figures of the runs" }, element("table", {},
    element("thead", {}, element("tr", {}, ["Run", "verdict", "data term", "prior term", "live dimensions", "steps"].map((name) => element("th", { scope: "col" }, name)))),
    element("tbody", {}, runs.map((run, i) => element("tr", {}, element("th", { scope: "row" }, swatch(i), link(run, i, runs), element("span", { class: "unit" }, run.id)),
      run.error ? element("td", { class: "words bad", colspan: "5" }, run.error) : [
        element("td", {}, verdict(run.verdict, run.tone)), element("td", {}, number(run.data_term)), element("td", {}, number(run.prior_term)),
        element("td", {}, run.live === null ? number(null) : `${run.live}${run.latent ? ` of ${run.latent}` : ""}`), element("td", {}, number(run.steps))])))));
}

function differences({ runs, differences: found }) {
  if (!found.length) return element("p", { class: "quietly" }, "The recipes are the same.");
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Differences of the recipes" }, element("table", {},
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Field"), runs.map((run, i) => element("th", { scope: "col" }, swatch(i), label(runs, i))))),
    element("tbody", {}, found.map(([field, values]) => element("tr", {}, element("th", { scope: "row" }, element("code", {}, field)), values.map((value) => element("td", {}, value)))))));
}

function portrait(run, i, runs) {
  if (run.error || !run.pictures) return null;
  return element("figure", {}, element("figcaption", {}, swatch(i), label(runs, i)),
    ["pairs", "samples"].map((name) => element("div", { class: "plate" }, element("img", { src: address("run/picture", { id: run.id, name, v: run.steps }), alt: name === "pairs" ? `${label(runs, i)}: originals over their reconstructions` : `${label(runs, i)}: new samples`, loading: "lazy" }))));
}
