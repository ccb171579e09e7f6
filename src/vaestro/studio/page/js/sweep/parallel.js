// Parallel coordinates: every trial a line from its setting on top to its figures below.

import { element } from "../dom.js";
import { open } from "./chosen.js";
import { canvas } from "./sheet.js";

const ROW = 80, TOP = 26, BELOW = 30, RIGHT = 26;

/** What draws `data.parallel` at a width. */
export function parallelDrawing(data, choice) {
  const trials = new Map(data.trials.map((trial) => [trial.number, trial]));
  return (width) => draw(data.parallel, trials, choice, width);
}

function draw(found, trials, choice, width) {
  const wide = width > 560;
  const left = wide ? 200 : 20;
  const row = wide ? ROW : ROW + 8;
  const height = TOP + row * (found.scales.length - 1) + BELOW + (wide ? 0 : 10);
  const x = (place) => left + (width - left - RIGHT) * place;
  const y = (index) => TOP + row * index;
  const label = `${found.numbers.length} lines through ${found.scales.length} axes, coloured by ${found.figure}. Arrow keys go from the best trial down, Enter opens one.`;
  const drawn = canvas(width, height, label, { tabindex: "0", role: "application", "aria-roledescription": "parallel coordinates" });
  const lines = found.numbers.map((one, index) => line(found, trials.get(one), index, x, y)).filter(Boolean);
  drawn.append(...lines.map((one) => one.drawn).reverse());
  drawn.append(...found.scales.flatMap((scale, index) => axis(scale, x, y(index), left, width, wide)));
  const over = element("g", {});
  drawn.append(over);
  follow(drawn, lines, over, choice);
  return drawn;
}

function line(found, trial, index, x, y) {
  if (!trial) return null;
  const places = found.scales.map((scale) => scale.places[index]);
  let path = "", up = true;
  places.forEach((place, row) => {
    if (place === null) up = true;
    else {
      path += `${up ? "M" : "L"}${x(place).toFixed(1)} ${y(row)}`;
      up = false;
    }
  });
  const shade = found.shades[index];
  const drawn = element("path", { d: path, class: shade === null ? "way untold" : "way" });
  if (shade !== null) drawn.style.stroke = `color-mix(in oklab, var(--worst) ${Math.round(100 * shade)}%, var(--first))`;
  return { trial, drawn, path };
}

function axis(scale, x, y, left, width, wide) {
  const narrow = (width - left - RIGHT) / Math.max(1, scale.ticks.length) < 42;
  const marks = scale.ticks.flatMap(([place, text], index) => [
    element("line", { class: "tick", x1: x(place), x2: x(place), y1: y - 4, y2: y + 4 }),
    narrow && index % 2 ? null : element("text", { x: x(place), y: y + 18, "text-anchor": "middle" }, text)]);
  const name = wide ? { x: left - 20, y: y + 1, "text-anchor": "end" } : { x: 0, y: y - 16 };
  const hint = wide ? { x: left - 20, y: y + 16, "text-anchor": "end" } : { x: width, y: y - 16, "text-anchor": "end" };
  return [element("line", { class: "axis", x1: x(0), x2: x(1), y1: y, y2: y }), ...marks.filter(Boolean),
    element("text", { class: "name", ...name }, shortened(scale.name, wide ? 27 : 30)), scale.hint ? element("text", { class: "hint", ...hint }, scale.hint) : null].filter(Boolean);
}

/** A dotted path that fits, without its first parts where it must. */
function shortened(name, letters) {
  const parts = name.split(".");
  while (parts.length > 1 && parts.join(".").length > letters) parts.shift();
  const short = parts.join(".");
  return short === name ? name : `\u2026${short}`;
}

function follow(drawn, lines, over, choice) {
  drawn.follow = (chosen) => {
    const one = lines.find(({ trial }) => trial.number === chosen);
    over.replaceChildren(...(one ? [element("path", { d: one.path, class: "way halo" }), element("path", { d: one.path, class: "way chosen" })] : []));
  };
  for (const { drawn: path, trial } of lines) {
    path.addEventListener("pointerenter", () => choice.choose(trial.number));
    path.addEventListener("click", () => open(trial));
  }
  drawn.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const now = lines.findIndex(({ trial }) => trial.number === choice.number);
    if (step) {
      event.preventDefault();
      choice.choose(lines[(now + step + lines.length) % lines.length].trial.number);
    } else if (event.key === "Enter" && now >= 0) open(lines[now].trial);
  });
  drawn.follow(choice.number);
}
