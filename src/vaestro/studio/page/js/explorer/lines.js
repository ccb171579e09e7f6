// Streamlines as curves in space that turn, coloured by direction: red along x, green along y,
// blue along z, as in tractography.

import { element } from "../dom.js";
import { number } from "../numbers.js";
import { sheet, whenLooksChange } from "./canvas.js";
import { Turning, view } from "./turning.js";

const PAPER = "#101216", QUIET = "#9aa3a8";

// Points (3, L) of sample `place` of an answer of shape [N, 3, L].
function curve(frame, place) {
  const length = frame.shape[2];
  return { numbers: frame.numbers.subarray(place * 3 * length, (place + 1) * 3 * length), length };
}

function draw(canvas, line, rotation, facts, furniture) {
  const { pen, width, height } = sheet(canvas);
  pen.fillStyle = PAPER;
  pen.fillRect(0, 0, width, height);
  const scale = Math.min(width, height) / facts.extent;
  if (furniture) drawContext(pen, rotation, facts, width, height, scale);
  const placed = projected(line, rotation, facts.centre);
  pen.lineCap = "round";
  const thick = Math.max(1.4, Math.min(width, height) / 130);
  for (const piece of farthestFirst(placed, line.length)) {
    const [a, b] = [3 * piece, 3 * piece + 3];
    const near = 0.5 + (placed[a + 2] + placed[b + 2]) / (2 * facts.extent);
    pen.strokeStyle = direction(line, piece, 0.55 + 0.45 * Math.min(1, Math.max(0, near)));
    pen.lineWidth = thick * (0.75 + 0.5 * Math.min(1, Math.max(0, near)));
    pen.beginPath();
    pen.moveTo(width / 2 + placed[a] * scale, height / 2 - placed[a + 1] * scale);
    pen.lineTo(width / 2 + placed[b] * scale, height / 2 - placed[b + 1] * scale);
    pen.stroke();
  }
  if (furniture) {
    tripod(pen, rotation, 34, height - 34);
    ruler(pen, width, height, scale, facts.unit);
  }
}

// Held-out streamlines behind it, faint: where in space it lies.
function drawContext(pen, rotation, facts, width, height, scale) {
  pen.strokeStyle = "rgb(140 150 158 / 0.28)";
  pen.lineWidth = 1;
  for (const line of facts.context ?? []) {
    const placed = projected({ numbers: line.flat(), length: line[0].length }, rotation, facts.centre);
    pen.beginPath();
    for (let i = 0; i < placed.length; i += 3) pen.lineTo(width / 2 + placed[i] * scale, height / 2 - placed[i + 1] * scale);
    pen.stroke();
  }
}

// (3, L) -> L times (right, up, towards the reader), in the world's units around the centre.
function projected(line, r, centre) {
  const out = new Float32Array(3 * line.length), n = line.numbers, size = line.length;
  for (let i = 0; i < size; i++) {
    const [x, y, z] = [n[i] - centre[0], n[size + i] - centre[1], n[2 * size + i] - centre[2]];
    out[3 * i] = r[0] * x + r[1] * y + r[2] * z;
    out[3 * i + 1] = r[3] * x + r[4] * y + r[5] * z;
    out[3 * i + 2] = r[6] * x + r[7] * y + r[8] * z;
  }
  return out;
}

function farthestFirst(placed, length) {
  const order = Array.from({ length: length - 1 }, (_, i) => i);
  return order.sort((a, b) => placed[3 * a + 2] + placed[3 * a + 5] - placed[3 * b + 2] - placed[3 * b + 5]);
}

function direction(line, i, light) {
  const n = line.numbers, size = line.length;
  const step = [0, 1, 2].map((axis) => Math.abs(n[axis * size + i + 1] - n[axis * size + i]));
  const whole = Math.hypot(...step) || 1;
  return `rgb(${step.map((part) => Math.round(light * (70 + 185 * (part / whole)))).join(" ")})`;
}

// Which way x, y and z point now.
function tripod(pen, r, left, top) {
  pen.font = "600 12px sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  const inks = ["#ff6b6b", "#62d26f", "#7ba6ff"];
  for (const axis of [0, 1, 2].sort((a, b) => r[6 + a] - r[6 + b])) {
    const [x, y] = [20 * r[axis], -20 * r[3 + axis]];
    pen.strokeStyle = pen.fillStyle = inks[axis];
    pen.lineWidth = 2;
    pen.beginPath();
    pen.moveTo(left, top);
    pen.lineTo(left + x, top + y);
    pen.stroke();
    pen.fillText("xyz"[axis], left + 1.4 * x, top + 1.4 * y);
  }
}

// A length of 1, 2 or 5 times a power of ten, with its unit.
function ruler(pen, width, height, scale, unit) {
  const longest = 0.3 * width / scale, power = 10 ** Math.floor(Math.log10(longest));
  const length = [5, 2, 1].map((factor) => factor * power).find((one) => one <= longest) ?? power;
  const right = width - 16, left = right - length * scale, top = height - 18;
  pen.strokeStyle = pen.fillStyle = QUIET;
  pen.lineWidth = 1.5;
  pen.beginPath();
  for (const [x, y] of [[left, top - 4], [left, top], [right, top], [right, top - 4]]) pen.lineTo(x, y);
  pen.stroke();
  pen.font = "12px sans-serif";
  pen.textAlign = "right";
  pen.textBaseline = "bottom";
  pen.fillText(`${+length.toPrecision(2)} ${unit}`, right, top - 5);
}

function measured(line) {
  const n = line.numbers, size = line.length;
  let length = 0;
  for (let i = 1; i < size; i++) {
    length += Math.hypot(...[0, 1, 2].map((axis) => n[axis * size + i] - n[axis * size + i - 1]));
  }
  const ends = Math.hypot(...[0, 1, 2].map((axis) => n[axis * size + size - 1] - n[axis * size]));
  return { length, ends };
}

// The stage of a streamline: seen from above until it is turned.
export function linesStage(facts) {
  const canvas = element("canvas", {
    class: "picture dark", role: "application",
    "aria-label": "The decoded streamline in space; drag it or use the arrow keys to turn it, Home to turn it back",
  });
  let line = null;
  const redraw = () => { if (line) draw(canvas, line, turning.rotation, facts, true); };
  const turning = new Turning(canvas, view(0.25, 0.35), redraw);
  const leave = whenLooksChange(canvas, redraw);
  return {
    node: canvas,
    show(frame) {
      line = curve(frame, 0);
      redraw();
      const { length, ends } = measured(line);
      return `${line.length} points; ${number(length)} ${facts.unit} long, ` +
        `${number(ends)} ${facts.unit} from end to end; faint: held-out ones. Drag to turn`;
    },
    thumbnail(small, frame, place) { draw(small, curve(frame, place), turning.rotation, facts, false); },
    leave,
  };
}
