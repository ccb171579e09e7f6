// The latent map: a click decodes what lies there, a drag from one sample to another joins them.

import { element, fill } from "../dom.js";
import { number } from "../numbers.js";
import { colours, placeOf, sheet, whenLooksChange } from "./canvas.js";
import { drawScatter, frameOf, groupColour, shade } from "./scatter.js";

const NEAR = 7;     // pixels from a point that still mean it
const STILL = 4;    // pixels that a click may move
const KEY = 0.15;   // of the plane, a press of an arrow key

// `acts`: code() gives the code shown now; moved(code) shows another; chosen(number) a sample;
// joined(from, to) two of them. Null where the run left no codes.
export function latentMap(facts, acts) {
  return facts.map === null ? null : new LatentMap(facts, acts);
}

class LatentMap {
  constructor(facts, acts) {
    this.facts = facts;
    this.acts = acts;
    this.plane = facts.map.planes[0];
    this.rings = facts.stochastic && facts.standard;
    this.canvas = element("canvas", {
      class: "map", role: "application", tabindex: "0",
      "aria-label": "Map of held-out codes; arrow keys move the point that is decoded, Enter takes the nearest sample",
    });
    this.legend = element("p", { class: "legend" });
    this.node = element("div", {}, this.choice(), this.canvas, this.legend);
    this.pair = null;
    this.listen();
    this.leave = whenLooksChange(this.canvas, () => { this.still = null; this.draw(); });
  }

  choice() {
    const { planes } = this.facts.map;
    if (planes.length < 2) return null;
    const buttons = planes.map((plane, i) => element("button", { type: "button", "aria-pressed": String(i === 0) }, plane.name));
    buttons.forEach((button, i) => button.addEventListener("click", () => {
      buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
      this.plane = planes[i];
      this.still = null;
      this.draw();
    }));
    return element("div", { class: "group", role: "group", "aria-label": "Plane of the map" }, ...buttons);
  }

  // Draw the points if they are not there yet, and over them where the code is now.
  draw() {
    const { pen, width, height, ratio } = sheet(this.canvas);
    if (width < 40) return;
    if (!this.still) this.drawStill(width, height, ratio);
    pen.drawImage(this.still, 0, 0, width, height);
    if (this.pair) this.drawPair(pen);
    this.drawCross(pen, this.frame.to(this.at(this.acts.code())));
  }

  drawStill(width, height, ratio) {
    this.frame = frameOf(this.plane.points, width, height, this.rings);
    this.still = element("canvas", { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    const pen = this.still.getContext("2d");
    pen.scale(ratio, ratio);
    drawScatter(pen, this.frame, this.facts.map, this.plane, this.rings);
    this.drawLegend();
  }

  drawLegend() {
    const { map } = this.facts, ink = colours();
    const dot = (colour) => {
      const made = element("span", { class: "dot" });
      made.style.background = colour;
      return made;
    };
    const rings = this.rings ? "Dashed: 1 and 2 standard deviations of the prior." : null;
    if (map.shades) {
      const ends = [map.low, map.high].map((value) => number(value));
      fill(this.legend, element("span", {}, dot(shade(0)), `${map.shaded_by} ${ends[0]}`), element("span", {}, dot(shade(1)), ends[1]), rings);
    } else {
      const groups = map.groups.length > 1 ? map.groups.map((group, i) => element("span", {}, dot(groupColour(map, i, ink)), group.name)) : [];
      fill(this.legend, ...groups, rings);
    }
  }

  drawCross(pen, [x, y]) {
    const ink = colours();
    for (const [colour, thick] of [[ink.surface, 4.5], [ink.ink, 2]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = thick;
      pen.beginPath();
      pen.arc(x, y, 7, 0, 7);
      for (const [a, b] of [[-13, 0], [13, 0], [0, -13], [0, 13]]) {
        pen.moveTo(x + a * 0.54, y + b * 0.54);
        pen.lineTo(x + a, y + b);
      }
      pen.stroke();
    }
  }

  drawPair(pen) {
    const ink = colours(), [from, to] = this.pair.map((place) => this.frame.to(place));
    for (const [colour, thick] of [[ink.surface, 5], [ink.mark, 2.5]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = thick;
      pen.beginPath();
      pen.moveTo(...from);
      pen.lineTo(...to);
      pen.stroke();
    }
    [from, to].forEach(([x, y], i) => {
      pen.fillStyle = ink.mark;
      pen.beginPath();
      pen.arc(x, y, 9, 0, 7);
      pen.fill();
      pen.fillStyle = ink.surface;
      pen.font = "700 11px sans-serif";
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      pen.fillText("AB"[i], x, y + 0.5);
    });
  }

  // Where a code lies on the plane.
  at(code) {
    return this.plane.directions.map((way) => way.reduce((sum, weight, i) => sum + weight * code[i], 0));
  }

  // The code that lies at `place` of the plane and is the same as `code` beside it.
  moved(code, place) {
    const now = this.at(code), out = Float32Array.from(code);
    this.plane.directions.forEach((way, axis) => {
      const far = place[axis] - now[axis];
      way.forEach((weight, i) => { out[i] += far * weight; });
    });
    return out;
  }

  // The number of the nearest sample within `most` pixels, or null.
  nearest(pixel, most = NEAR) {
    let [best, found] = [most * most, null];
    this.plane.points.forEach((point, i) => {
      const [x, y] = this.frame.to(point), far = (x - pixel[0]) ** 2 + (y - pixel[1]) ** 2;
      if (far <= best) [best, found] = [far, i];
    });
    return found;
  }

  // Show the line between two codes; null takes it away.
  join(codes) {
    this.pair = codes && codes.map((code) => this.at(code));
    this.draw();
  }

  listen() {
    const { canvas } = this;
    let start = null, grabbed = null, dragging = false;
    canvas.addEventListener("pointerdown", (event) => {
      if (!this.frame) return;
      start = placeOf(canvas, event);
      grabbed = event.shiftKey ? null : this.nearest(start);
      dragging = false;
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      const pixel = placeOf(canvas, event);
      if (start === null) { this.hover(pixel); return; }
      if (!dragging && Math.hypot(pixel[0] - start[0], pixel[1] - start[1]) < STILL) return;
      dragging = true;
      this.drag(grabbed, pixel);
    });
    canvas.addEventListener("pointerup", (event) => {
      if (start === null) return;
      const pixel = placeOf(canvas, event);
      if (!dragging) this.click(pixel, grabbed); else if (grabbed !== null) this.drop(grabbed, pixel);
      start = null;
    });
    canvas.addEventListener("pointercancel", () => { start = null; this.pair = null; this.draw(); });
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  click(pixel, grabbed) {
    if (grabbed !== null) this.acts.chosen(grabbed);
    else this.acts.moved(this.moved(this.acts.code(), this.frame.from(pixel)));
  }

  // From a sample: a line to the pointer, which shows what lies under it; else the point moves.
  drag(grabbed, pixel) {
    const place = this.frame.from(pixel);
    if (grabbed !== null) {
      const near = this.nearest(pixel, 14);
      this.pair = [this.plane.points[grabbed], near === null ? place : this.plane.points[near]];
    }
    this.acts.moved(this.moved(this.acts.code(), place));
  }

  drop(from, pixel) {
    const to = this.nearest(pixel, 60);
    this.pair = null;
    if (to === null || to === from) this.draw(); else this.acts.joined(from, to);
  }

  hover(pixel) {
    if (!this.frame) return;
    const found = this.nearest(pixel), { map } = this.facts;
    const group = found === null || map.shades || map.groups.length < 2 ? "" : `, ${map.groups[map.group[found]].name}`;
    this.canvas.title = found === null ? "" : `held-out sample ${found}${group}`;
    this.canvas.style.cursor = found === null ? "crosshair" : "pointer";
  }

  key(event) {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const way = ways[event.key], now = this.at(this.acts.code());
    if (way) {
      event.preventDefault();
      this.acts.moved(this.moved(this.acts.code(), [now[0] + KEY * way[0], now[1] + KEY * way[1]]));
    } else if (event.key === "Enter") {
      event.preventDefault();
      const found = this.nearest(this.frame.to(now), Infinity);
      if (found !== null) this.acts.chosen(found);
    }
  }
}
