// The screen of a sweep: what it found, who works on it, how to steer it.

import { get } from "../api.js";
import { command, element, fill, verdict } from "../dom.js";
import { watch } from "../live.js";
import { number } from "../numbers.js";
import { addressOf, chosen } from "../sweep/chosen.js";
import { importance } from "../sweep/importance.js";
import { legend } from "../sweep/marks.js";
import { parallelDrawing } from "../sweep/parallel.js";
import { figuresOf, planeDrawing } from "../sweep/plane.js";
import { showQueue } from "../sweep/queue.js";
import { sheet } from "../sweep/sheet.js";
import { Steering } from "../sweep/steering.js";
import { outcome, Trials } from "../sweep/trials.js";

const PAUSE = 2000;
const STATUS = { running: "good", stopping: "doubtful", interrupted: "doubtful", finished: "neutral" };

export async function show(place, parameters) {
  const data = await get("sweep", { id: parameters.id });
  const screen = new Screen(place, parameters.id, data);
  screen.update(data);
  return () => screen.leave();
}

class Screen {
  constructor(place, id, data) {
    Object.assign(this, { id, place, data, sheets: [], timer: null, gone: false, reading: false, again: false });
    this.choice = chosen();
    const section = (name) => element("section", { class: name });
    this.head = element("div", { class: "head" });
    this.steer = element("section", { class: "panel steering", "aria-label": "Stop, go on, add trials" });
    this.bar = element("progress", { class: "done", "aria-label": "Trials that have ended" });
    this.readout = element("p", { class: "readout", role: "status" }, "Point at a trial, or go to it with the arrow keys.");
    this.plane = element("div", { class: "panel" });
    this.planeLegend = element("div", {});
    this.planeSection = element("section", {}, element("h2", {}, ""), this.planeLegend, this.plane, element("p", { class: "source" }, ""));
    this.parallel = element("div", { class: "panel" });
    this.parallelSection = element("section", {}, element("h2", {}, "Settings and figures"), element("p", { class: "source key" }), this.parallel);
    this.matters = section("importance");
    this.table = section("all-trials");
    this.queue = section("queue");
    this.space = section("space");
    this.steering = new Steering(this.steer, id, () => this.read());
    this.trials = new Trials(this.table, this.choice);
    fill(place, this.head, this.bar, this.steer, this.planeSection, this.readout, this.parallelSection, this.matters, this.table, this.queue, this.space);
    this.stop = watch([id], () => this.read());
    this.choice.on((chosen) => this.follow(chosen));
  }

  update(data) {
    const before = this.data;
    this.data = data;
    this.title();
    this.bar.max = Math.max(1, data.queue.wanted);
    this.bar.value = data.queue.ended;
    this.bar.hidden = data.actions.finished && !data.actions.working;
    this.steering.show(data);
    showQueue(this.queue, data.queue);
    if (before === data || changed(before, data)) this.figures();
    clearTimeout(this.timer);
    if (data.actions.working || this.steering.busy) this.timer = setTimeout(() => this.read(), PAUSE);
  }

  title() {
    const { data } = this;
    fill(this.head, element("p", { class: "eyebrow" }, `${data.kind === "study" ? "Study" : "Sweep"} of ${data.name}`, data.about ? ` \u00b7 ${data.about}` : ""),
      element("h1", {}, this.id),
      element("p", { class: "said" }, element("span", { "aria-live": "polite" }, verdict(data.status, STATUS[data.status] ?? "neutral")), data.status === "finished" ? [" \u00b7 ", verdict(data.word, data.tone)] : null),
      element("p", { class: "sentence" }, data.sentence));
  }

  /** Everything that changes when a trial ends. */
  figures() {
    for (const one of this.sheets) one.remove();
    this.sheets = [];
    const { data } = this;
    this.planeSection.hidden = data.plane === null;
    this.readout.hidden = data.plane === null && data.parallel === null;
    if (data.plane) this.drawPlane();
    this.parallelSection.hidden = data.parallel === null;
    if (data.parallel) this.drawParallel();
    this.trials.show(data);
    this.particulars();
    if (data.trials.length) this.estimate();
    this.follow(this.choice.number);
  }

  drawPlane() {
    const { plane, trials, marks } = this.data;
    const [heading, , , about] = this.planeSection.children;
    fill(heading, plane.equal ? "Rate and distortion" : `${plane.up.title} against ${plane.across.title}`);
    const known = new Set(plane.numbers);
    const shown = trials.filter((trial) => known.has(trial.number));
    fill(this.planeLegend, legend(shown.map((trial) => trial.mark), marks, shown.some((trial) => trial.best)));
    fill(about, [plane.equal ? "The data term is what reconstructions cost, the prior term what the code costs." : null,
      plane.stairs.length > 1 ? "The line is the front: no trial is known beyond it." : null,
      plane.equal ? "Along a dashed line the ELBO, named at its end in nats per sample, is the same." : null,
      plane.beyond ? `${number(plane.beyond)} far out lie at the edge.` : null].filter(Boolean).join(" "));
    this.sheets.push(sheet(this.plane, planeDrawing(this.data, this.choice)));
  }

  drawParallel() {
    const { parallel } = this.data;
    const [, key] = this.parallelSection.children;
    fill(key, element("span", { class: "shades", "aria-hidden": "true" }), `From the best ${parallel.figure} to the worst; dashed: not trained to its end.`,
      parallel.left_out ? ` ${number(parallel.left_out)} trials are left out, evenly.` : "");
    this.sheets.push(sheet(this.parallel, parallelDrawing(this.data, this.choice)));
  }

  async estimate() {
    try {
      const { importance: found } = await get("sweep", { id: this.id, importance: 1 });
      if (this.gone) return;
      fill(this.matters, element("h2", {}, "Which fields matter"), importance(found),
        found.some((one) => one.shares.length) ? element("p", { class: "source" }, "The share of each figure\u2019s variance over the trials that a field explains by itself (functional analysis of variance).") : null);
    } catch (fault) {
      if (!this.gone) fill(this.matters, element("h2", {}, "Which fields matter"), element("p", { class: "quietly" }, fault.message));
    }
  }

  particulars() {
    const { data } = this;
    fill(this.space, element("h2", {}, "The space"),
      element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Varied fields" }, element("table", { class: "varied" },
        element("thead", {}, element("tr", {}, ["Field", "Looked for in", "Best trial"].map((one, place) => element("th", { scope: "col", class: place ? "" : "words" }, one)))),
        element("tbody", {}, data.space.map((one) => element("tr", {}, element("th", { scope: "row", class: "words" }, element("code", {}, one.field)), element("td", {}, one.looked), element("td", {}, one.best)))))),
      element("dl", { class: "particulars" }, data.particulars.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value)))),
      data.train ? [element("p", { class: "quietly" }, "Train the best trial\u2019s recipe longer:"), command(data.train)] : null);
  }

  follow(number_) {
    for (const drawn of this.place.querySelectorAll("svg.drawing")) drawn.follow?.(number_);
    this.trials.follow(number_);
    const trial = this.data.trials.find((one) => one.number === number_);
    if (!trial) return;
    const address = addressOf(trial);
    fill(this.readout, element("b", {}, `Trial ${trial.number}`), ` (${trial.edits.join(", ")}): ${figuresOf(trial, this.data.figures)}; ${outcome(trial)}${trial.reason ? `: ${trial.reason}` : ""}. `,
      address ? element("a", { href: address }, "Open it") : null);
  }

  async read() {
    if (this.reading) {
      this.again = true;
      return;
    }
    this.reading = true;
    try {
      const data = await get("sweep", { id: this.id });
      if (!this.gone) this.update(data);
    } catch {
      if (!this.gone) this.timer = setTimeout(() => this.read(), 3 * PAUSE);
    }
    this.reading = false;
    if (this.again && !this.gone) {
      this.again = false;
      this.read();
    }
  }

  leave() {
    this.gone = true;
    clearTimeout(this.timer);
    this.stop();
    for (const one of this.sheets) one.remove();
  }
}

/** Whether a trial was asked or ended. */
function changed(before, now) {
  const key = (data) => data.trials.map((trial) => `${trial.number}${trial.mark}${trial.best}${trial.run}`).join();
  return key(before) !== key(now);
}
