// Stop, go on, add trials: each button beside the command that does the same.

import { post } from "../api.js";
import { command, element, fill } from "../dom.js";
import { toast } from "../toast.js";

/** The panel; `after()` is called when something was asked. Call `show(data)` with new data. */
export class Steering {
  constructor(place, id, after) {
    Object.assign(this, { place, id, after, busy: false });
    this.trials = element("input", { id: "more-trials", type: "number", min: "1", step: "1", oninput: () => { this.typed = true; this.say(); } });
    this.workers = element("input", { id: "workers", type: "number", min: "1", max: "64", step: "1", value: "1", oninput: () => this.say() });
    this.stop = element("button", { type: "button", onclick: () => this.ask("sweep/stop", { id }, "It stops: workers write what they have and go.") }, "Stop");
    this.onward = element("button", { type: "button", class: "main", onclick: () => this.ask("sweep/go-on", { id, workers: Number(this.workers.value) || 1 }, "It goes on.") }, "Go on");
    this.add = element("button", { type: "button", class: "main", onclick: () => this.ask("sweep/go-on", { id, trials: Number(this.trials.value), workers: Number(this.workers.value) || 1 }, "It goes on with more trials.") }, "Add trials");
    this.commands = element("div", {});
    this.note = element("p", { class: "quietly", role: "status" });
    this.fault = element("div", {});
  }

  show(data) {
    this.data = data;
    const { working, coordinated, finished, grow, wanted, said } = data.actions;
    if (!this.typed) this.trials.value = String(2 * wanted);
    this.trials.min = String(wanted + 1);
    const label = (text, input) => element("label", { for: input.id }, text, " ", input);
    if (!this.place.hasChildNodes()) {
      this.growing = element("span", { class: "growing" }, label("until it has", this.trials), "trials ", this.add);
      fill(this.place, element("div", { class: "tools" }, this.stop, this.onward, label("Workers", this.workers), this.growing), this.note, this.fault, this.commands);
    }
    this.stop.hidden = !working;
    this.stop.disabled = this.busy || data.status === "stopping";
    this.onward.hidden = working || finished;
    this.onward.disabled = this.busy;
    this.growing.hidden = working || grow !== "" ;
    this.workers.parentElement.hidden = working || (finished && grow !== "");
    this.add.disabled = this.busy;
    fill(this.note, data.status === "stopping" ? "It is stopping: workers write their checkpoints."
      : working ? (coordinated ? "" : "Workers elsewhere are at work on it.") : finished && grow ? `It is finished; ${grow}.` : "");
    fill(this.fault, said ? element("p", { class: "fault" }, said) : null);
    this.say();
  }

  /** The commands for what the buttons do. */
  say() {
    const { go_on: base, working, finished, grow, worker } = this.data.actions;
    const workers = Number(this.workers.value) > 1 ? ` --workers ${Number(this.workers.value)}` : "";
    const trials = Number(this.trials.value) > this.data.actions.wanted && grow === "" && (finished || this.typed) ? ` --trials ${Number(this.trials.value)}` : "";
    const key = [working, finished, grow, workers, trials].join("|");
    if (key === this.said) return;
    this.said = key;
    if (working) fill(this.commands, element("p", { class: "quietly" }, "One more worker, here or on any machine that sees the folder:"), command(worker));
    else if (finished && grow) fill(this.commands);
    else fill(this.commands, command(`${base}${trials}${workers}`));
  }

  async ask(path, body, words) {
    this.busy = true;
    this.show(this.data);
    try {
      await post(path, body);
      this.typed = false;
      toast(words);
    } catch (fault) {
      toast(fault.message, 10);
    }
    this.busy = false;
    this.show(this.data);
    this.after();
  }
}
