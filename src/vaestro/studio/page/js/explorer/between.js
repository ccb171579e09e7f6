// From one code to another along a straight line: a slider, and pictures on the way.

import { element, fill } from "../dom.js";

const STEPS = 9;
const MOST = 4_000_000;  // numbers in all the pictures on the way

// `acts`: code() gives the code shown now, source() what it is; moved(code) shows one on the way; pictures(codes, done)
// decodes several; joined(codes or null) is told when the ends are known.
export function between(facts, stage, acts) {
  const ends = [null, null];
  const names = ["", ""];
  const slider = element("input", { type: "range", min: "0", max: "1", step: "0.01", "aria-label": "From A to B" });
  const strip = element("div", { class: "strip" });
  const words = element("p", { class: "quietly" }, "Drag from one point of the map to another, or set A and B here.");
  const way = element("div", { class: "way", hidden: true }, element("span", {}, "A"), slider, element("span", {}, "B"));
  const at = (t) => Float32Array.from(ends[0], (value, i) => value + t * (ends[1][i] - value));
  const count = Math.max(2, Math.min(STEPS, Math.floor(MOST / facts.shape.reduce((a, b) => a * b, 1))));
  const places = Array.from({ length: count }, (_, i) => i / (count - 1));

  slider.addEventListener("input", () => acts.moved(at(Number(slider.value))));

  function changed() {
    const known = ends.every((end) => end !== null);
    way.hidden = !known;
    fill(words, known ? `A is ${names[0]}, B is ${names[1]}.`
      : names[0] ? `A is ${names[0]}; now B.` : names[1] ? `B is ${names[1]}; now A.` : words.textContent);
    acts.joined(known ? ends : null);
    if (known) draw();
  }

  function draw() {
    acts.pictures(places.map(at), (frame) => {
      const canvases = places.map((t) => element("button", {
        type: "button", class: "step", "aria-label": `${Math.round(100 * t)} % of the way from A to B`,
        onclick: () => { slider.value = String(t); acts.moved(at(t)); },
      }, element("canvas", {})));
      fill(strip, ...canvases);
      canvases.forEach((button, i) => stage.thumbnail(button.firstChild, frame, i));
    });
  }

  function set(place, code, name) {
    ends[place] = Float32Array.from(code);
    names[place] = name;
    slider.value = String(place);
    changed();
  }

  const here = (place) => element("button", { type: "button", onclick: () => set(place, acts.code(), acts.source()) }, `Set ${"AB"[place]} here`);
  const clear = element("button", { type: "button", class: "quiet", onclick: () => {
    ends.fill(null);
    names.fill("");
    fill(strip);
    words.textContent = "Drag from one point of the map to another, or set A and B here.";
    changed();
  } }, "Clear");
  return {
    node: element("div", {}, words, element("div", { class: "tools" }, here(0), here(1), clear), way, strip),
    // Both ends at once: [code, name] of each.
    join(from, to) {
      [ends[0], names[0]] = [Float32Array.from(from[0]), from[1]];
      set(1, to[0], to[1]);
      slider.value = "0";
    },
    again() { if (ends.every((end) => end !== null)) draw(); },
  };
}
