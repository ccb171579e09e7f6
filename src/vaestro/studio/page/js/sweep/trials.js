// Every trial in a table: sorted by a column, chosen by what became of it.

import { element, fill } from "../dom.js";
import { number } from "../numbers.js";
import { addressOf } from "./chosen.js";

const FIRST = 60;
const FATES = { "": "all", front: "on the front", finished: "finished", stopped: "stopped while training", untrained: "never trained", failed: "failed", waiting: "waiting" };

/** The table; call `show(data)` with new data. */
export class Trials {
  constructor(place, choice) {
    Object.assign(this, { place, choice, by: "number", down: false, fate: "", all: false });
    this.table = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of trials" });
    this.picker = element("select", { id: "fate", onchange: (event) => { this.fate = event.target.value; this.draw(); } });
    this.told = element("span", { class: "quietly", role: "status" });
    this.more = element("button", { type: "button", onclick: () => { this.all = true; this.draw(); } }, "Show all");
    fill(place, element("h2", {}, "Trials"), element("div", { class: "tools" }, element("label", { for: "fate" }, "Show ", this.picker), this.told), this.table, this.more);
  }

  show(data) {
    this.data = data;
    const present = Object.keys(FATES).filter((fate) => fate === "" || data.trials.some((trial) => is(trial, fate)));
    fill(this.picker, present.map((fate) => element("option", { value: fate, selected: fate === this.fate }, FATES[fate])));
    this.draw();
  }

  draw() {
    const held = this.table.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const rows = this.data.trials.filter((trial) => is(trial, this.fate)).sort((one, other) => this.compare(one, other));
    const shown = this.all ? rows : rows.slice(0, FIRST);
    fill(this.table, element("table", { class: "trials" }, element("thead", {}, element("tr", {}, this.heads())), element("tbody", {}, shown.map((trial) => this.row(trial)))));
    this.more.hidden = shown.length === rows.length;
    const left = this.data.left_out ? `; ${number(this.data.left_out)} more are in trials.csv` : "";
    fill(this.told, shown.length < rows.length ? `the first ${shown.length} of ${number(rows.length)}${left}` : `${number(rows.length)} trials${left}`);
    if (held) this.table.querySelector(`[data-key="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
    this.follow(this.choice.number);
  }

  heads() {
    const figures = this.data.figures.map((figure) => this.head(figure.name, figure.label, figure.unit));
    return [this.head("number", "Trial"), element("th", { scope: "col", class: "words" }, "Setting"), ...figures, this.head("outcome", "Outcome", "", "words")];
  }

  head(name, label, unit = "", kind = "") {
    const sorted = this.by === name ? (this.down ? "descending" : "ascending") : null;
    const button = element("button", { type: "button", class: "quiet sort", "data-key": `sort-${name}`, onclick: () => this.sort(name) }, label, sorted ? (this.down ? " \u2193" : " \u2191") : "");
    return element("th", { scope: "col", class: kind, "aria-sort": sorted }, button, unit ? element("span", { class: "unit" }, unit) : null);
  }

  sort(name) {
    this.down = this.by === name ? !this.down : false;
    this.by = name;
    this.draw();
  }

  compare(one, other) {
    const [a, b] = [one, other].map((trial) => (this.by === "number" ? trial.number : this.by === "outcome" ? outcome(trial) : trial.values[this.by]));
    if (a === null || b === null) return (a === null) - (b === null);
    const order = typeof a === "string" ? a.localeCompare(b) : a - b;
    return (this.down ? -order : order) || one.number - other.number;
  }

  row(trial) {
    const address = addressOf(trial);
    const name = address ? element("a", { href: address, "data-key": `trial-${trial.number}` }, String(trial.number)) : String(trial.number);
    const row = element("tr", { "data-trial": trial.number, class: trial.fate === "finished" ? "" : "dead", onpointerenter: () => this.choice.choose(trial.number) },
      element("th", { scope: "row" }, name, trial.best ? element("span", { class: "best" }, "best") : trial.front ? element("span", { class: "on-front" }, "front") : null),
      element("td", { class: "words setting" }, trial.edits.map((edit) => element("code", {}, edit))),
      this.data.figures.map((figure) => element("td", {}, number(trial.values[figure.name]))),
      element("td", { class: "words outcome" }, outcome(trial), trial.reason ? element("span", { class: "reason" }, trial.reason) : null));
    row.addEventListener("focusin", () => this.choice.choose(trial.number));
    return row;
  }

  follow(chosen) {
    for (const row of this.table.querySelectorAll("tr.chosen")) row.classList.remove("chosen");
    this.table.querySelector(`tr[data-trial="${chosen}"]`)?.classList.add("chosen");
  }
}

function is(trial, fate) {
  return fate === "" || (fate === "front" ? trial.front : trial.fate === fate);
}

/** What became of a trial, in words. */
export function outcome(trial) {
  if (trial.fate === "finished") return trial.verdict || "finished";
  return { stopped: "stopped while training", untrained: "never trained" }[trial.fate] ?? trial.fate;
}
