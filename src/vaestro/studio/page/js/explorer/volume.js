// Volumes: the surface at a level, which turns, and three slices.

import { element } from "../dom.js";
import { number } from "../numbers.js";
import { whenLooksChange } from "./canvas.js";
import { fill } from "./image.js";
import { shade } from "./shading.js";
import { slice, slices } from "./slices.js";
import { surfaceNet } from "./surface.js";
import { Turning, view } from "./turning.js";

const ONE = [0.44, 0.74, 0.8];  // the ink of a volume of one channel
const PAPER = [16, 18, 22];
const SHARPEST = 1.5;           // pixels of the surface a CSS pixel, at most

// Sample `place` of an answer of shape [N, C, D, H, W].
function volumeOf(frame, place) {
  const shape = frame.shape.slice(1), size = shape.reduce((a, b) => a * b, 1);
  return { shape, numbers: frame.numbers.subarray(place * size, (place + 1) * size) };
}

function bodiesOf(volume, level, facts) {
  const [channels, ...shape] = volume.shape, size = shape[0] * shape[1] * shape[2];
  const sizes = facts.voxel ?? [1, 1, 1];
  return Array.from({ length: channels }, (_, channel) => ({
    ...surfaceNet(volume.numbers.subarray(channel * size, (channel + 1) * size), shape, level, sizes),
    ink: (channels === 1 ? ONE : facts.inks[channel % facts.inks.length]).map((part) => 255 * part),
  }));
}

function drawSurface(canvas, bodies, rotation, facts) {
  const ratio = Math.min(window.devicePixelRatio || 1, SHARPEST), box = canvas.getBoundingClientRect();
  canvas.width = Math.max(1, Math.round(box.width * ratio));
  canvas.height = Math.max(1, Math.round(box.height * ratio));
  const pen = canvas.getContext("2d"), picture = pen.createImageData(canvas.width, canvas.height);
  for (let i = 0; i < picture.data.length; i += 4) picture.data.set([...PAPER, 255], i);
  const sizes = facts.voxel ?? [1, 1, 1];
  const diagonal = Math.hypot(...facts.shape.slice(1).map((size, axis) => size * sizes[axis]));
  const scale = 1.1 * Math.min(canvas.width, canvas.height) / diagonal;
  shade(picture, bodies, rotation, scale);
  pen.putImageData(picture, 0, 0);
  drawBox(pen, canvas, rotation, facts.shape.slice(1).map((size, axis) => size * sizes[axis] * scale / 2));
}

// The edges of the volume, faint; `half` of its depth, height and width in pixels.
function drawBox(pen, canvas, r, half) {
  const corner = (i) => {
    const [x, y, z] = [i & 1 ? half[2] : -half[2], i & 2 ? half[1] : -half[1], i & 4 ? half[0] : -half[0]];
    return [canvas.width / 2 + r[0] * x + r[1] * y + r[2] * z, canvas.height / 2 - (r[3] * x + r[4] * y + r[5] * z)];
  };
  pen.strokeStyle = "rgb(150 160 168 / 0.35)";
  pen.lineWidth = 1;
  pen.beginPath();
  for (let i = 0; i < 8; i++) {
    for (const bit of [1, 2, 4]) {
      if (i & bit) continue;
      pen.moveTo(...corner(i));
      pen.lineTo(...corner(i | bit));
    }
  }
  pen.stroke();
}

// The level as a slider, in the samples' own values.
function levelSlider(facts, changed) {
  const natural = (share) => facts.low + share * (facts.high - facts.low);
  const said = element("output", {}, number(natural(0.5)));
  const slider = element("input", { type: "range", min: "0.02", max: "0.98", step: "0.02", value: "0.5" });
  const tell = () => {
    said.textContent = number(natural(Number(slider.value)));
    slider.setAttribute("aria-valuetext", said.textContent);
  };
  slider.addEventListener("input", () => { tell(); changed(); });
  const node = element("label", { class: "level" }, element("span", {}, "Surface at the value"), slider, said);
  return {
    node,
    value: () => 255 * Number(slider.value),
    // Half of the brightest voxel: what a first look can see.
    settle(numbers) {
      slider.value = String(numbers.reduce((most, level) => Math.max(most, level), 0) / 510);
      tell();
    },
  };
}

// The stage of a volume.
export function volumeStage(facts) {
  const canvas = element("canvas", {
    class: "picture dark", role: "application",
    "aria-label": "The decoded volume's surface; drag it or use the arrow keys to turn it, Home to turn it back",
  });
  let volume = null, bodies = [];
  const redraw = () => { if (volume) drawSurface(canvas, bodies, turning.rotation, facts); };
  const again = () => {
    if (volume === null) return;
    bodies = bodiesOf(volume, level.value(), facts);
    redraw();
  };
  const turning = new Turning(canvas, view(0.6, 0.45), redraw);
  const level = levelSlider(facts, again);
  const cuts = slices(facts);
  const leave = whenLooksChange(canvas, () => { redraw(); cuts.redraw(); });
  return {
    node: element("div", { class: "volume" }, canvas, level.node, cuts.node),
    show(frame) {
      const first = volume === null;
      volume = volumeOf(frame, 0);
      if (first) level.settle(volume.numbers);
      again();
      cuts.show(volume);
      const triangles = bodies.reduce((count, body) => count + body.triangles.length / 3, 0);
      const names = volume.shape[0] > 1 && facts.names ? `, channels ${facts.names.join(", ")}` : "";
      const seen = triangles ? "drag to turn" : "nothing lies above the surface's value";
      return `${volume.shape.slice(1).join(" × ")} voxels${names}; ${seen}`;
    },
    thumbnail(small, frame, place) {
      const one = volumeOf(frame, place);
      fill(small, slice(one, 0, Math.floor(one.shape[1] / 2), facts.inks));
    },
    leave,
  };
}
