// A run's curves as they grow; of a long history the records between the steps that are zoomed into.

import { get } from "../api.js";
import { figure } from "../curves.js";
import { element, fill } from "../dom.js";
import { counted, number } from "../numbers.js";
import { library, plot } from "../plot.js";
import { colour } from "../theme.js";
import { toast } from "../toast.js";

const AIR = 0.1; // of the steps in sight, so that lines go on beyond both edges

/** A run's whole history, asked for at once: reading a long one takes longest. */
export function historyOf(id) {
  const reading = get("run/history", { id });
  reading.catch(() => {}); // a fault is told to whoever waits for it
  library().catch(() => {}); // loads meanwhile; a fault is told where it draws
  return reading;
}

/** Draw into `section` what `facts()` and `view` {log, late} ask for of a history that is being
 * read; {refresh, remove}. */
export async function curvesIn(section, id, reading, facts, view) {
  let whole = await reading, closer = null, zoom = null, drawn = null;
  const canvas = element("div", { class: "plot" }), note = element("p", { class: "source" });
  const scale = toggle(["linear", "log"], "linear", (name) => { view.log = name === "log"; drawn?.redraw(); });
  const span = toggle(["whole run", "later part"], "whole run", (name) => { view.late = name === "later part"; drawn?.redraw(); });
  const heading = element("h2", {}, "How training went");

  async function read() {
    whole = await get("run/history", { id });
    const range = zoom && whole.thinned ? stretch(zoom) : null;
    closer = range && { range, ...await get("run/history", { id, from: range[0], to: range[1] }) };
  }

  function make() {
    const { curves } = closer ?? whole;
    const made = figure([
      { name: "training", curves, split: "train", colour: colour("--training"), width: 1.1 },
      { name: "held-out", curves, split: "validation", colour: colour("--held-out"), width: 1.9 },
    ], { ...view, baseline: facts().baseline, events: facts().events.filter((event) => event.step !== null).map((event) => ({ step: event.step, colour: colour(`--${event.tone}`) })) });
    made.layout.uirevision = `${view.log} ${view.late}`; // what is zoomed into stays while the run goes on
    return made;
  }

  async function draw() {
    section.hidden = whole.records === 0;
    if (section.hidden) return;
    note.textContent = said(whole, closer);
    if (drawn) { await drawn.redraw(); return; }
    fill(section, heading, element("div", { class: "tools" }, scale, span), element("div", { class: "panel" }, canvas), note);
    drawn = await plot(canvas, `Curves of both terms over ${counted(whole.steps, "step")}; the figures are in the table below.`, make);
    canvas.on("plotly_relayout", zoomed);
  }

  async function zoomed(changed) {
    if (changed["xaxis.autorange"]) zoom = null;
    else if (changed["xaxis.range[0]"] !== undefined) zoom = [changed["xaxis.range[0]"], changed["xaxis.range[1]"]];
    else return;
    try {
      await read();
      await draw();
    } catch (fault) {
      toast(fault.message);
    }
  }

  await draw();
  return { refresh: async () => { await read(); await draw(); }, remove: () => drawn?.remove() };
}

function stretch([low, high]) {
  const air = AIR * (high - low);
  return [Math.max(0, Math.floor(low - air)), Math.max(0, Math.ceil(high + air))];
}

function said(whole, closer) {
  const missing = Object.entries(whole.missing).filter(([name, many]) => many && (name === "data_term" || name === "prior_term"));
  const kept = "thinned for drawing: every stretch keeps its lowest and highest value";
  const thin = whole.thinned ? `${counted(whole.records, "record")}, ${closer ? "more than are drawn at once" : kept}. ` : `${counted(whole.records, "record")}. `;
  const near = closer ? `Steps ${number(closer.range[0])} to ${number(closer.range[1])}: ${counted(closer.records, "record")}${closer.thinned ? `, ${kept}` : ", every one drawn"}. ` : "";
  const gaps = missing.map(([name, many]) => `${number(many)} of ${name.replace("_", " ")} ${many === 1 ? "is" : "are"} no finite number and left as a gap`).join("; ");
  return `Grey is training, measured while the weights move; the bold line is held-out data. ${thin}${near}${gaps ? `${gaps}.` : ""}`;
}

function toggle(names, chosen, told) {
  const buttons = names.map((name) => element("button", { type: "button", "aria-pressed": String(name === chosen), onclick: () => {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.textContent === name));
    told(name);
  } }, name));
  return element("span", { class: "group", role: "group" }, buttons);
}
