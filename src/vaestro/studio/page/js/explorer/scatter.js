// The still part of the latent map: axes, the prior's rings, the held-out codes and their names.

import { SANS, colours } from "./canvas.js";

const EDGE = { left: 44, right: 8, top: 8, bottom: 40 };
const RINGS = [1, 2];

// Where the plane lies on a canvas: `to` and `from` turn a place of the plane into pixels and back.
export function frameOf(points, width, height, rings) {
  const across = width - EDGE.left - EDGE.right, up = height - EDGE.top - EDGE.bottom;
  const far = points.flat().map(Math.abs).sort((a, b) => a - b);
  const reach = Math.max(1.08 * (far[Math.floor(0.998 * (far.length - 1))] ?? 1), rings ? 2.25 : 1e-6);
  const scale = Math.min(across, up) / (2 * reach);
  const middle = [EDGE.left + across / 2, EDGE.top + up / 2];
  return {
    width, height, scale, box: [EDGE.left, EDGE.top, across, up],
    to: ([x, y]) => [middle[0] + scale * x, middle[1] - scale * y],
    from: ([x, y]) => [(x - middle[0]) / scale, (middle[1] - y) / scale],
  };
}

export function drawScatter(pen, frame, map, plane, rings) {
  const ink = colours();
  pen.save();
  drawAxes(pen, frame, plane.axes, ink);
  pen.beginPath();
  pen.rect(...frame.box);
  pen.clip();
  const radius = plane.points.length < 800 ? 3 : 2.2;
  pen.globalAlpha = 0.78;
  plane.points.forEach((point, i) => {
    const [x, y] = frame.to(point);
    pen.fillStyle = colourOf(map, i, ink);
    pen.beginPath();
    pen.arc(x, y, radius, 0, 7);
    pen.fill();
  });
  pen.globalAlpha = 1;
  if (rings) drawRings(pen, frame, ink);
  if (map.groups?.length > 1) nameGroups(pen, frame, map, plane, ink);
  pen.restore();
}

// The colour of point `i`: its group's, or from dark to light by its covariate.
export function colourOf(map, i, ink) {
  if (map.shades) return shade(map.shades[i]);
  return groupColour(map, map.group[i], ink);
}

export function groupColour(map, group, ink) {
  if (map.groups.length === 1) return ink.accent;
  return map.groups[group].rare ? ink.edge : ink.classes[group];
}

// viridis at five places, joined by straight lines.
const VIRIDIS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

export function shade(share) {
  const place = Math.min(3.999, Math.max(0, 4 * share)), low = Math.floor(place), rest = place - low;
  return `rgb(${VIRIDIS[low].map((part, i) => Math.round(part + rest * (VIRIDIS[low + 1][i] - part))).join(" ")})`;
}

function drawAxes(pen, frame, axes, ink) {
  const [left, top, across, up] = frame.box, bottom = top + up;
  pen.strokeStyle = ink.rule;
  pen.lineWidth = 1;
  pen.fillStyle = ink.quiet;
  pen.font = `12px ${SANS}`;
  for (const value of ticks(frame)) {
    const text = String(+value.toPrecision(3)).replace("-", "−");
    const [x] = frame.to([value, 0]), [, y] = frame.to([0, value]);
    stroke(pen, [x, top], [x, bottom]);
    pen.textAlign = "center";
    pen.textBaseline = "top";
    pen.fillText(text, x, bottom + 5);
    if (y < top || y > bottom) continue;
    stroke(pen, [left, y], [left + across, y]);
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    pen.fillText(text, left - 5, y);
  }
  pen.textAlign = "center";
  pen.textBaseline = "bottom";
  pen.fillText(axes[0], left + across / 2, frame.height - 2, across);
  pen.save();
  pen.translate(11, top + up / 2);
  pen.rotate(-Math.PI / 2);
  pen.textBaseline = "middle";
  pen.fillText(axes[1], 0, 0, up);
  pen.restore();
}

// Round values that are seen along the horizontal axis, about ten.
function ticks(frame) {
  const [left, , across] = frame.box;
  const [low] = frame.from([left, 0]), [high] = frame.from([left + across, 0]);
  const rough = (high - low) / 10, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high; value += step) found.push(Math.abs(value) < step / 2 ? 0 : value);
  return found;
}

function drawRings(pen, frame, ink) {
  pen.strokeStyle = ink.ink;
  pen.lineWidth = 1;
  pen.setLineDash([4, 3]);
  for (const radius of RINGS) {
    pen.beginPath();
    pen.arc(...frame.to([0, 0]), radius * frame.scale, 0, 7);
    pen.stroke();
  }
  pen.setLineDash([]);
}

// Each group's name at the middle of its points, so that nobody needs the colours.
function nameGroups(pen, frame, map, plane, ink) {
  pen.font = `600 12px ${SANS}`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  const taken = [];
  map.groups.forEach((group, place) => {
    if (group.rare) return;
    const mine = plane.points.filter((_, i) => map.group[i] === place);
    if (mine.length === 0) return;
    const wide = pen.measureText(short(group.name)).width + 12;
    const [x, y] = free(frame.to([0, 1].map((axis) => median(mine.map((point) => point[axis])))), wide, taken);
    pen.fillStyle = ink.surface;
    pen.strokeStyle = groupColour(map, place, ink);
    pen.lineWidth = 1.5;
    pen.beginPath();
    pen.roundRect(x - wide / 2, y - 10, wide, 20, 6);
    pen.fill();
    pen.stroke();
    pen.fillStyle = ink.ink;
    pen.fillText(short(group.name), x, y);
  });
}

// The place itself, or the nearest above or below it where no name stands yet.
function free([x, y], wide, taken) {
  const clash = (top) => taken.some((other) => Math.abs(other.y - top) < 21 && Math.abs(other.x - x) < (other.wide + wide) / 2);
  const tries = Array.from({ length: 24 }, (_, i) => y + (i % 2 ? -1 : 1) * 6 * Math.ceil(i / 2));
  const found = tries.find((top) => !clash(top)) ?? y;
  taken.push({ x, y: found, wide });
  return [x, found];
}

export function short(name) {
  return name.length > 14 ? `${name.slice(0, 13)}…` : name;
}

function median(values) {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

function stroke(pen, from, to) {
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(...to);
  pen.stroke();
}
