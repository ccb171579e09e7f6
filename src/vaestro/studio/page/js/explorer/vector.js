// Vectors: their numbers over the element's number; a few numbers as bars with their names.

import { element } from "../dom.js";
import { number } from "../numbers.js";
import { SANS, colours, sheet, whenLooksChange } from "./canvas.js";

const NAMED = 24;  // so many numbers have a bar each

function numbersOf(frame, place) {
  const length = frame.shape[1];
  return frame.numbers.subarray(place * length, (place + 1) * length);
}

function scaleOf(frame, numbers) {
  let [low, high] = [Math.min(frame.low, 0), Math.max(frame.high, 0)];
  for (const value of numbers) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return high > low ? [low, high] : [low - 1, high + 1];
}

function drawBars(canvas, numbers, [low, high], names) {
  const { pen, width, height } = sheet(canvas), ink = colours();
  const row = height / numbers.length, left = Math.min(0.36 * width, 130), right = width - 76;
  const across = (value) => left + ((value - low) / (high - low)) * (right - left);
  pen.font = `${Math.min(13, Math.max(9, 0.62 * row))}px ${SANS}`;
  pen.textBaseline = "middle";
  numbers.forEach((value, i) => {
    const middle = (i + 0.5) * row;
    pen.fillStyle = ink.accent;
    pen.fillRect(Math.min(across(0), across(value)), middle - 0.32 * row, Math.abs(across(value) - across(0)), 0.64 * row);
    pen.fillStyle = ink.quiet;
    pen.textAlign = "right";
    pen.fillText(names?.[i] ?? `x${i}`, left - 8, middle, left - 10);
    pen.textAlign = "left";
    pen.fillText(number(value), right + 6, middle);
  });
  pen.fillStyle = ink.quiet;
  pen.fillRect(across(0) - 0.5, 0, 1, height);
}

function drawLine(canvas, numbers, [low, high], furniture) {
  const { pen, width, height } = sheet(canvas), ink = colours();
  const [left, bottom] = furniture ? [52, height - 34] : [2, height - 2];
  const x = (i) => left + (i / Math.max(1, numbers.length - 1)) * (width - left - 6);
  const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - 8);
  if (furniture) axes(pen, ink, { left, bottom, width, y, low, high, count: numbers.length });
  pen.strokeStyle = ink.accent;
  pen.lineWidth = 1.75;
  pen.beginPath();
  numbers.forEach((value, i) => pen.lineTo(x(i), y(value)));
  pen.stroke();
}

function axes(pen, ink, { left, bottom, width, y, low, high, count }) {
  pen.font = `12px ${SANS}`;
  pen.fillStyle = ink.quiet;
  pen.strokeStyle = ink.rule;
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  for (const value of [low, (low + high) / 2, high]) {
    pen.fillText(number(value), left - 8, y(value));
    pen.beginPath();
    pen.moveTo(left, y(value));
    pen.lineTo(width, y(value));
    pen.stroke();
  }
  pen.textAlign = "center";
  pen.fillText(`element, 0 to ${count - 1}`, (left + width) / 2, bottom + 20);
}

// The stage of a vector.
export function vectorStage(facts) {
  const canvas = element("canvas", { class: "picture", role: "img", "aria-label": "The decoded numbers" });
  let numbers = null, scale = [0, 1];
  const few = facts.shape[0] <= NAMED;
  const redraw = () => {
    if (numbers === null) return;
    if (few) drawBars(canvas, numbers, scale, facts.names); else drawLine(canvas, numbers, scale, true);
  };
  const leave = whenLooksChange(canvas, redraw);
  return {
    node: canvas,
    show(frame) {
      numbers = numbersOf(frame, 0);
      scale = scaleOf(frame, numbers);
      redraw();
      const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
      return `${numbers.length} numbers from ${number(low)} to ${number(high)}, in the data's own units`;
    },
    thumbnail(small, frame, place) {
      const own = numbersOf(frame, place);
      drawLine(small, own, scaleOf(frame, own), false);
    },
    leave,
  };
}
