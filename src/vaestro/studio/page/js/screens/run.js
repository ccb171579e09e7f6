// One run: the same facts as its report, live, with a slider through training.

import { address, get } from "../api.js";
import { bars } from "../bars.js";
import { command, element, fill, verdict } from "../dom.js";
import { followed } from "../following.js";
import { counted, number } from "../numbers.js";
import { curvesIn, historyOf } from "../run/curves.js";
import { evaluation, outlook, particulars, table } from "../tables.js";
import { toast } from "../toast.js";

export function show(place, { id }) {
  return followed([id], (follow) => drawn(place, id, follow));
}

async function drawn(place, id, follow) {
  const history = historyOf(id);
  let facts = await get("run", { id });
  const sections = parts(), told = {};
  const view = { log: false, late: false, version: 0 };
  fill(place, element("article", { class: "run" }, Object.values(sections)));
  const draw = () => {
    for (const [name, make] of Object.entries(STILL)) {
      const text = JSON.stringify(make.reads(facts));
      if (told[name] === text) continue;
      told[name] = text;
      fill(sections[name], make.draw(facts, id));
      sections[name].hidden = !sections[name].hasChildNodes();
      if (name === "head") controls(sections.head, id, facts);
    }
  };
  draw();
  const curves = await curvesIn(sections.curves, id, history, () => facts, view);
  const pictures = await picturesIn(sections.pictures, id, () => facts, view);
  follow.begin(async () => {
    facts = await get("run", { id });
    view.version += 1;
    draw();
    await Promise.all([curves.refresh(), pictures.refresh()]);
  });
  return () => { follow.stop(); curves.remove(); };
}

function parts() {
  const names = { head: "The run", cards: "Key numbers", diagnosis: "Diagnosis", curves: "Curves", pictures: "Through training", events: "Events", forecast: "Forecast", measured: "Measured", recipe: "Recipe" };
  return Object.fromEntries(Object.entries(names).map(([name, label]) => [name, element("section", { id: `part-${name}`, "aria-label": label })]));
}

const STILL = {
  head: { reads: (facts) => [facts.name, facts.status, facts.at_work, facts.epochs.includes(-1), facts.report, facts.steps, facts.verdict.word, facts.verdict.sentence, facts.planted, facts.notes], draw: head },
  cards: { reads: (facts) => [facts.cards, facts.where], draw: cards },
  diagnosis: { reads: (facts) => [facts.findings, facts.verdict], draw: diagnosis },
  events: { reads: (facts) => [facts.events, facts.steps], draw: events },
  forecast: { reads: (facts) => facts.outlook, draw: (facts) => (facts.outlook ? outlook(facts) : []) },
  measured: { reads: (facts) => [facts.rows, facts.evaluated, facts.particulars], draw: (facts) => [measured(facts), evaluation(facts.evaluated)] },
  recipe: { reads: (facts) => [facts.recipe, facts.commands], draw: recipe },
};

function head(facts, id) {
  const state = facts.at_work ? "training now" : facts.status === "running" && facts.at_work === false ? "not at work" : facts.status;
  const trained = facts.epochs.includes(-1);
  return [
    element("p", { class: "eyebrow" }, element("a", { href: "#/runs" }, "Runs"), ` / ${id === "." ? "the root itself" : id}`),
    element("div", { class: "run-head" }, element("h1", {}, facts.name), element("div", { class: "tools", id: "controls" },
      trained ? element("a", { class: "button main", href: `#/explore/${encodeURIComponent(id)}` }, "Explore its latents") : null,
      facts.report ? element("a", { class: "button", href: address("run/report", { id }), download: "report.html" }, "Save its report") : null)),
    element("p", { class: "run-verdict" }, verdict(facts.verdict.word, facts.verdict.tone), element("span", { class: "quietly" }, ` ${state}, ${counted(facts.steps, "step")}`)),
    element("p", { class: "sentence" }, facts.verdict.sentence),
    facts.planted.length ? element("p", { class: "fault" }, `Trained with planted faults: ${facts.planted.join(", ")}.`) : null,
    facts.notes.map((note) => element("p", { class: "warning" }, note)),
  ];
}

/** The buttons that stop the run or go on with it, where the studio has them. */
async function controls(section, id, facts) {
  try {
    const { controls: made } = await import("../controls.js");
    const place = section.querySelector("#controls");
    place.querySelector(".controls")?.remove();
    place.append(element("span", { class: "controls tools" }, await made(id, facts)));
  } catch (fault) {
    toast(fault.message);
  }
}

function cards(facts) {
  return [
    element("div", { class: "cards" }, facts.cards.map((card) => element("div", { class: "card" },
      element("h2", {}, card.label),
      element("p", { class: "value" }, card.value, element("span", { class: "unit" }, card.unit)),
      card.dots ? element("p", { class: "dots", "aria-hidden": "true" }, Array.from({ length: card.dots[1] }, (_, i) => element("i", { class: i < card.dots[0] ? "on" : null }))) : null,
      element("p", { class: "note" }, card.note)))),
    element("p", { class: "source" }, facts.where ? `Measured on ${facts.where}.` : "Nothing was measured yet."),
  ];
}

function diagnosis(facts) {
  const { meaning, advice, commands } = facts.verdict;
  return [
    element("h2", {}, facts.ended ? "Diagnosis" : facts.findings.length ? "What was seen so far" : "Next"),
    element("p", { class: "sentence" }, [meaning, advice].filter(Boolean).join(" ")),
    commands.map((text) => command(text)),
    facts.findings.map(finding),
  ];
}

function finding(found) {
  return element("div", { class: "finding" },
    element("p", {}, element("b", {}, `${found.kind}. `), found.sentence),
    found.commands.map((text) => command(text)),
    found.figures.length ? element("details", {}, element("summary", {}, "Evidence"), element("dl", { class: "evidence" },
      found.figures.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))))) : null);
}

function events(facts) {
  if (!facts.events.length) return [];
  const last = Math.max(facts.steps, 1);
  return [
    element("h2", {}, "What the monitor said"),
    element("div", { class: "line" }, facts.events.filter((event) => event.step !== null).map((event, i) => element("a", {
      href: "#", class: event.tone, style: `left:${(100 * Math.min(1, event.step / last)).toFixed(2)}%`, title: `step ${event.step}: ${event.sentence}`, "aria-label": `Event at step ${event.step}: ${event.kind}`,
      onclick: (click) => { click.preventDefault(); const told = document.getElementById(`event-${i}`); told?.scrollIntoView({ block: "center" }); told?.focus(); },
    }))),
    element("ol", { class: "events" }, facts.events.map((event, i) => element("li", { id: `event-${i}`, tabindex: "-1" },
      element("span", { class: "at" }, event.step === null ? "before the first step" : `step ${number(event.step)}`), verdict(event.kind, event.tone), " ", event.sentence,
      event.applied ? element("p", { class: "quietly" }, `Applied by the monitor: ${event.applied}`) : null,
      remedies(event.commands)))),
  ];
}

/** The first remedy; the others stand behind it. */
function remedies([first, ...others]) {
  return [
    first === undefined ? null : command(first, "Copy the remedy"),
    others.length ? element("details", {}, element("summary", {}, counted(others.length, "other remedy", "other remedies")), others.map((text) => command(text))) : null,
  ];
}

function measured(facts) {
  return [element("h2", {}, "What was measured"), facts.rows.length ? table("What was measured", ["Quantity", ...facts.splits], facts.rows.map((row) => [row.label, row.unit, row.values])) : null, particulars(facts.particulars)];
}

function recipe(facts) {
  return [
    element("details", { class: "block" }, element("summary", {}, "Recipe"), element("pre", { class: "recipe", tabindex: "0" }, element("code", {}, facts.recipe))),
    element("h2", {}, "Commands"),
    facts.commands.map(([name, text]) => [element("p", { class: "quietly" }, `${name}:`), command(text)]),
  ];
}

async function picturesIn(section, id, facts, view) {
  const slider = element("input", { type: "range", min: "0", max: "0", step: "1", value: "0" });
  const output = element("output", {}), strip = element("div", {}), note = element("p", { class: "source" });
  const pairs = element("img", { alt: "Originals over their reconstructions" }), samples = element("img", { alt: "Samples decoded from the prior" });
  const body = [
    element("h2", {}, "Through training"),
    element("div", { class: "through panel" }, element("label", {}, "Epoch", slider), output),
    element("div", { class: "pictures" },
      element("figure", {}, element("div", { class: "plate" }, pairs), element("figcaption", {}, "Held-out samples over their reconstructions.")),
      element("figure", {}, element("div", { class: "plate" }, samples), element("figcaption", {}, "New samples: latents drawn from the prior and decoded."))),
    element("h3", { class: "strip-head" }, "KL per latent dimension, nats"), element("div", { class: "panel" }, strip), note,
  ];
  let kl = null, known = [];
  function named(epoch) { return epoch === -1 ? "the end" : `epoch ${epoch}`; }
  function draw() {
    const epoch = known[Number(slider.value)];
    output.textContent = named(epoch);
    slider.setAttribute("aria-valuetext", named(epoch));
    for (const [image, name] of [[pairs, "pairs"], [samples, "samples"]]) {
      const source = address("run/picture", { id, name, epoch, v: `${facts().steps}-${epoch === -1 ? view.version : ""}` });
      if (image.getAttribute("src") !== source) image.src = source;
    }
    const place = kl ? kl.epochs.indexOf(epoch) : -1;
    section.querySelector(".strip-head").hidden = strip.parentNode.hidden = note.hidden = place < 0;
    if (place < 0) return;
    const highest = Math.max(...kl.nats.flat().filter((value) => value !== null), 0);
    const { live, missing } = bars(strip, { ...kl, nats: kl.nats[place], highest });
    note.textContent = `${counted(live, "dimension is", "dimensions are")} live at ${named(epoch)}: above ${kl.threshold} nats (dashed). Largest first as of the newest snapshot${missing}.`;
  }
  async function refresh() {
    const followed = known.length === 0 || Number(slider.value) === known.length - 1;
    known = facts().epochs;
    section.hidden = known.length === 0;
    if (section.hidden) return;
    kl = facts().stochastic ? await get("run/kl", { id }) : null;
    if (!section.hasChildNodes()) fill(section, body);
    slider.max = String(known.length - 1);
    if (followed) slider.value = slider.max;
    draw();
  }
  for (const image of [pairs, samples]) image.addEventListener("error", () => { image.alt = "This snapshot holds no such picture, or is damaged."; });
  slider.addEventListener("input", draw);
  await refresh();
  return { refresh };
}
