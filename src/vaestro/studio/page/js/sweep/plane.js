// The plane of two figures: every trial a mark, the front as stairs, dashed lines of equal ELBO.

import { element } from "../dom.js";
import { number } from "../numbers.js";
import { open } from "./chosen.js";
import { mark, ORDER, ring } from "./marks.js";
import { canvas, plain, ticks } from "./sheet.js";

const LEFT = 62, RIGHT = 46, TOP = 10, BOTTOM = 46;

/** What draws the plane `data.plane` at a width; `choice` is the screen's chosen trial. */
export function planeDrawing(data, choice) {
  const found = data.plane;
  const trials = new Map(data.trials.map((trial) => [trial.number, trial]));
  const shown = found.numbers.map((one, place) => ({ trial: trials.get(one), at: found.places[place] })).filter(({ trial }) => trial);
  shown.sort((one, other) => ORDER.indexOf(one.trial.mark) - ORDER.indexOf(other.trial.mark));
  return (width) => draw(found, shown, choice, width);
}

function draw(found, shown, choice, width) {
  const height = width > 500 ? 420 : 320;
  const frame = scales(found, width, height);
  const label = `${shown.length} trials by ${found.across.title} and ${found.up.title}. Arrow keys go from trial to trial, Enter opens one.`;
  const drawn = canvas(width, height, label, { tabindex: "0", role: "application", "aria-roledescription": "scatter plot" });
  drawn.append(...axes(found, frame, width, height));
  if (found.equal) drawn.append(...equal(found, frame));
  if (found.stairs.length > 1) drawn.append(element("polyline", { class: "stairs", points: found.stairs.map((corner) => `${frame.x(corner[0])},${frame.y(corner[1])}`).join(" ") }));
  const points = shown.map(({ trial, at: [across, up] }) => ({ trial, x: frame.x(across), y: frame.y(up) }));
  for (const { trial, x, y } of points) drawn.append(mark(trial.mark, x, y));
  for (const { trial, x, y } of points) if (trial.best) drawn.append(ring(x, y));
  const here = element("g", {});
  drawn.append(here);
  point(drawn, points, here, choice);
  return drawn;
}

function scales(found, width, height) {
  const between = ([low, high], from, to) => (value) => from + ((to - from) * (Math.min(Math.max(value, low), high) - low)) / (high - low);
  return { x: between(found.across.limits, LEFT, width - RIGHT), y: between(found.up.limits, height - BOTTOM, TOP), right: width - RIGHT, bottom: height - BOTTOM };
}

function axes(found, frame, width, height) {
  const across = ticks(...found.across.limits, width > 500 ? 7 : 4).flatMap((value) => [
    element("line", { class: "tick", x1: frame.x(value), x2: frame.x(value), y1: frame.bottom, y2: frame.bottom + 4 }),
    element("text", { x: frame.x(value), y: frame.bottom + 18, "text-anchor": "middle" }, plain(value))]);
  const up = ticks(...found.up.limits, 7).flatMap((value) => [
    element("line", { class: "grid", x1: LEFT, x2: frame.right, y1: frame.y(value), y2: frame.y(value) }),
    element("text", { x: LEFT - 8, y: frame.y(value) + 4, "text-anchor": "end" }, plain(value))]);
  return [...up, ...across,
    element("line", { class: "axis", x1: LEFT, x2: frame.right, y1: frame.bottom, y2: frame.bottom }),
    element("line", { class: "axis", x1: LEFT, x2: LEFT, y1: TOP, y2: frame.bottom }),
    element("text", { class: "name", x: (LEFT + frame.right) / 2, y: height - 6, "text-anchor": "middle" }, found.across.title),
    element("text", { class: "name", transform: `translate(13 ${(TOP + frame.bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, found.up.title)];
}

/** Lines of equal data term + prior term, each named where it leaves the frame. */
function equal(found, frame) {
  const [across, up] = [found.across.limits, found.up.limits];
  return ticks(across[0] + up[0], across[1] + up[1], 7).flatMap((total) => {
    const start = Math.max(across[0], total - up[1]), end = Math.min(across[1], total - up[0]);
    if (start >= end) return [];
    const line = element("line", { class: "equal", x1: frame.x(start), y1: frame.y(total - start), x2: frame.x(end), y2: frame.y(total - end) });
    const name = end === across[1]
      ? { x: frame.right + 5, y: frame.y(total - end) + 4 }
      : { x: frame.x(end) - 2, y: frame.bottom - 5, "text-anchor": "end" };
    return [line, element("text", { class: "equal-name", ...name }, plain(-total))];
  });
}

/** Mouse and keys choose a trial; a click or Enter opens it. */
function point(drawn, points, here, choice) {
  const ordered = [...points].sort((one, other) => one.x - other.x || one.y - other.y);
  const nearest = (event) => {
    const box = drawn.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const best = points.reduce((found, one) => {
      const away = Math.hypot(one.x - x, one.y - y);
      return away < found.away ? { away, one } : found;
    }, { away: 24, one: null });
    return best.one;
  };
  drawn.addEventListener("pointermove", (event) => choice.choose(nearest(event)?.trial.number ?? choice.number));
  drawn.addEventListener("click", (event) => open(nearest(event)?.trial));
  drawn.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    const now = ordered.findIndex((one) => one.trial.number === choice.number);
    if (step) {
      event.preventDefault();
      choice.choose(ordered[(now + step + ordered.length) % ordered.length].trial.number);
    } else if (event.key === "Enter" && now >= 0) open(ordered[now].trial);
  });
  const show = (chosen) => {
    const one = points.find(({ trial }) => trial.number === chosen);
    here.replaceChildren(...(one ? [ring(one.x, one.y, "chosen")] : []));
  };
  drawn.follow = show;
  show(choice.number);
}

/** A trial's figures in words. */
export function figuresOf(trial, figures) {
  return figures.map((figure) => `${figure.label.toLowerCase()} ${number(trial.values[figure.name])}`).join(", ");
}
