// The latent explorer: sliders, a map and a straight line between two codes, decoded as they move.

import { get } from "../api.js";
import { command, element, fill } from "../dom.js";
import { between } from "../explorer/between.js";
import { Decoder } from "../explorer/decoder.js";
import { latentMap } from "../explorer/map.js";
import { sliders } from "../explorer/sliders.js";
import { stageOf } from "../explorer/stage.js";
import { told } from "../explorer/told.js";
import { watch } from "../live.js";
import { counted } from "../numbers.js";

export async function show(place, parameters) {
  const facts = await get("explore", { id: parameters.id });
  const screen = new Explorer(place, parameters.id, facts);
  return () => screen.leave();
}

class Explorer {
  constructor(place, run, facts) {
    this.run = run;
    this.facts = facts;
    this.code = Float32Array.from(facts.base);
    this.decoder = new Decoder(run);
    this.stage = stageOf(facts);
    this.caption = element("p", { class: "caption" });
    this.shown = element("section", { class: "panel shown", "aria-label": "Decoded sample" }, this.stage.node, this.caption);
    this.fault = element("p", { class: "fault", role: "alert", hidden: true });
    this.note = element("p", { class: "warning", role: "status", hidden: true });
    this.sliders = sliders(facts, (index, value) => this.slide(index, value));
    this.told = told(facts, () => { this.update(); this.line.again(); });
    this.map = latentMap(facts, {
      code: () => this.code,
      moved: (code) => this.move(code, "a place of the map"),
      chosen: (number) => this.choose(number),
      joined: (from, to) => this.join(from, to),
    });
    this.line = between(facts, this.stage, {
      code: () => this.code,
      source: () => this.source,
      moved: (code) => this.move(code, "between A and B"),
      joined: (codes) => this.map?.join(codes),
      pictures: (codes, done) => this.pictures(codes, done),
    });
    fill(place, ...this.layout());
    this.unwatch = watch([run], () => this.changed());
    if (facts.map) this.choose(0); else this.reset();
  }

  layout() {
    const { facts } = this;
    const tools = element("div", { class: "tools" },
      element("button", { type: "button", onclick: () => this.reset() }, "Reset"),
      facts.standard && facts.stochastic
        ? element("button", { type: "button", onclick: () => this.move(normal(facts.latent), "a draw from the prior") }, "Draw from the prior") : null,
      element("span", { class: "quietly" }, `Reset goes to ${facts.base_name}.`));
    return [
      this.head(), this.note, this.fault,
      element("div", { class: "explorer" },
        this.shown,
        element("section", { class: "panel mapped", "aria-label": "Map of held-out codes" },
          element("h2", {}, "Held-out codes"),
          this.map?.node ?? element("p", { class: "quietly" }, `${facts.note}.`)),
        element("section", { class: "panel moving", "aria-label": "Latent dimensions" },
          element("h2", {}, "Latent dimensions"), this.words(), this.told?.node, tools, this.sliders.node),
        element("section", { class: "panel joining", "aria-label": "Between two codes" },
          element("h2", {}, "Between two codes"), this.line.node)),
      element("section", {}, element("h2", {}, "The same on the command line"),
        command(facts.commands.traverse), command(facts.commands.interpolate)),
    ];
  }

  head() {
    return element("header", { class: "head" },
      element("p", { class: "eyebrow" }, element("a", { href: `#/run/${encodeURIComponent(this.run)}` }, "Run"), " · Latent explorer"),
      element("h1", {}, this.run));
  }

  words() {
    const { facts } = this, shown = facts.dimensions.length;
    const live = facts.live === null ? "" : `${facts.live} of ${counted(facts.latent, "dimension")} ` +
      `${facts.live === 1 ? "is" : "are"} live (over ${facts.live_nats} nats on held-out samples). `;
    const rest = facts.latent > shown ? `Sliders for the ${shown} that carry most; the others follow the map only. ` : "";
    const dead = facts.live === 0 ? "The run has collapsed: whatever the sliders say, the picture stays nearly the same. " : "";
    return element("p", { class: "quietly" }, live, element("b", {}, dead), rest);
  }

  // Show another code everywhere; `source` says in words which one it is.
  move(code, source) {
    this.code = Float32Array.from(code);
    this.source = source;
    this.update();
  }

  slide(index, value) {
    this.code[index] = value;
    this.source = this.source.replace(/(, moved)?$/, ", moved");
    this.update(false);
  }

  update(all = true) {
    if (all) this.sliders.show(this.code);
    this.map?.draw();
    this.decoder.ask("shown", Float32Array.from(this.code), this.told?.value() ?? {},
      (frame) => this.drawn(frame), (fault) => this.failed(fault));
  }

  drawn(frame) {
    this.fault.hidden = true;
    const words = this.stage.show(frame);
    fill(this.caption, element("b", {}, upper(this.source)), `. ${words}. Decoded in ${frame.milliseconds.toFixed(1)} ms, here after ${frame.wait.toFixed(0)} ms.`);
    this.shown.dataset.request = String(frame.request);
  }

  failed(fault) {
    fill(this.fault, fault);
    this.fault.hidden = false;
  }

  pictures(codes, done) {
    const latents = new Float32Array(codes.length * this.facts.latent);
    codes.forEach((code, i) => latents.set(code, i * this.facts.latent));
    this.decoder.ask("between", latents, this.told?.value() ?? {}, done, (fault) => this.failed(fault));
  }

  reset() {
    this.move(this.facts.base, this.facts.base_name);
  }

  async sample(number) {
    return get("explore", { id: this.run, sample: number });
  }

  async choose(number) {
    try {
      const sample = await this.sample(number);
      this.told?.take(sample);
      this.move(sample.code, named(number, sample));
    } catch (fault) {
      this.failed(fault.message);
    }
  }

  async join(from, to) {
    try {
      const [a, b] = await Promise.all([this.sample(from), this.sample(to)]);
      this.told?.take(a);
      this.move(a.code, named(from, a));
      this.line.join([a.code, named(from, a)], [b.code, named(to, b)]);
    } catch (fault) {
      this.failed(fault.message);
    }
  }

  changed() {
    fill(this.note, "The run has changed on the disk. ", element("button", { type: "button", onclick: () => location.reload() }, "Read it again"));
    this.note.hidden = false;
  }

  leave() {
    this.unwatch();
    this.decoder.end();
    this.stage.leave();
    this.map?.leave();
  }
}

function named(number, sample) {
  return `held-out sample ${number}${sample.label_name ? ` (${sample.label_name})` : ""}`;
}

function upper(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// A draw from N(0, 1) for each of `count` dimensions (Box and Muller 1958).
function normal(count) {
  return Float32Array.from({ length: count }, () =>
    Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random()));
}
