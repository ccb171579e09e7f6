// Three slices through a volume, across each of its axes, with a slider each.

import { element } from "../dom.js";
import { number } from "../numbers.js";
import { fill } from "./image.js";

const ACROSS = ["depth", "height", "width"];

// The voxels (h, w) of one slice across `axis` at `place`, every channel in its ink, as ImageData.
export function slice(volume, axis, place, inks) {
  const [channels, ...sizes] = volume.shape;
  const steps = [sizes[1] * sizes[2], sizes[2], 1], whole = sizes[0] * steps[0];
  const [down, across] = [0, 1, 2].filter((one) => one !== axis);
  const picture = new ImageData(sizes[across], sizes[down]);
  for (let channel = 0; channel < channels; channel++) {
    const ink = channels === 1 ? [1, 1, 1] : inks[channel % inks.length];
    const start = channel * whole + place * steps[axis];
    for (let y = 0, to = 0; y < sizes[down]; y++) {
      for (let x = 0; x < sizes[across]; x++, to += 4) {
        const level = volume.numbers[start + y * steps[down] + x * steps[across]];
        for (let part = 0; part < 3; part++) picture.data[to + part] += level * ink[part];
        picture.data[to + 3] = 255;
      }
    }
  }
  return picture;
}

// The three canvases with their sliders. `show(volume)` draws another volume.
export function slices(facts) {
  const sizes = facts.shape.slice(1);
  const places = sizes.map((size) => Math.floor(size / 2));
  let volume = null;
  const views = sizes.map((size, axis) => {
    const canvas = element("canvas", { class: "slice", role: "img", "aria-label": `Slice across ${ACROSS[axis]}` });
    const said = element("output", {}, "");
    const slider = element("input", {
      type: "range", min: "0", max: String(size - 1), step: "1", value: String(places[axis]),
      "aria-label": `Slice across ${ACROSS[axis]}`,
    });
    const draw = () => {
      const unit = facts.voxel ? `${number((places[axis] - (size - 1) / 2) * facts.voxel[axis])} ${facts.unit}` : "";
      said.textContent = `${places[axis] + 1} of ${size}${unit ? ", " + unit : ""}`;
      slider.setAttribute("aria-valuetext", said.textContent);
      if (volume) fill(canvas, slice(volume, axis, places[axis], facts.inks));
    };
    slider.addEventListener("input", () => { places[axis] = Number(slider.value); draw(); });
    const caption = element("span", { class: "slice-words" }, ACROSS[axis], said);
    return { node: element("div", { class: "slice-view" }, canvas, caption, slider), draw };
  });
  const redraw = () => { for (const one of views) one.draw(); };
  return {
    node: element("div", { class: "slices" }, ...views.map((one) => one.node)),
    redraw,
    show(next) { volume = next; redraw(); },
  };
}
