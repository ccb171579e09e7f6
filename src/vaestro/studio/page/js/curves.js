// Both terms over the steps, one panel under another, for one run or several: data to draw.

import { plain } from "./plot.js";
import { colour } from "./theme.js";

const PANELS = {
  data_term: ["Data term", "nats per sample"],
  prior_term: ["Prior term", "nats per sample"],
  live_dimensions: ["Live dimensions", "KL above 0.01 nats"],
  beta: ["beta", "weight of the prior term"],
};
const WEIGHT = { data_term: 3, prior_term: 2.2, live_dimensions: 1, beta: 0.8 };
const SCALED = new Set(["data_term", "prior_term"]);

/** The quantities of which at least one line has a finite value; a constant beta is left out. */
export function present(lines) {
  return Object.keys(PANELS).filter((quantity) => lines.some((line) => {
    const { values } = line.curves[quantity]?.[line.split] ?? { values: [] };
    const known = values.filter((value) => value !== null);
    return quantity === "beta" ? new Set(known).size > 1 : known.length > 0;
  }));
}

/** {data, layout, height} for plotly. `lines`: [{name, curves, split, colour, width, dash}];
 * `options`: {log, late, baseline, events: [{step, sentence, colour}], wanted: [quantities]}. */
export function figure(lines, options) {
  const shown = options.wanted ?? present(lines);
  const total = shown.reduce((sum, quantity) => sum + WEIGHT[quantity], 0);
  const height = Math.round(95 * total) + 26 * shown.length + 84;
  const gap = 40 / (height - 104), room = 1 - gap * (shown.length - 1);
  const data = [], layout = { height, showlegend: true, margin: { l: 62, r: 14, t: 56, b: 48 }, shapes: [], annotations: [], hovermode: "x unified", separators: ".\u202f" };
  let top = 1;
  shown.forEach((quantity, place) => {
    const number = place === 0 ? "" : place + 1, size = room * WEIGHT[quantity] / total;
    const panel = panelOf(lines, quantity, options);
    for (const trace of panel.traces) data.push({ ...trace, xaxis: "x", yaxis: `y${number}`, showlegend: place === 0 });
    layout[`yaxis${number}`] = { ...panel.axis, domain: [Math.max(0, top - size), top] };
    const [name, unit] = PANELS[quantity];
    layout.annotations.push({ xref: "paper", yref: "paper", x: 0, y: top, xanchor: "left", yanchor: "bottom", showarrow: false, text: `<b>${name}</b> <span style="color:${colour("--quiet")}">${panel.unit ?? unit}</span>`, font: { size: 13 } });
    if (quantity === "data_term" && Number.isFinite(options.baseline) && !options.log) {
      layout.shapes.push({ type: "line", xref: "paper", x0: 0, x1: 1, yref: `y${number}`, y0: options.baseline, y1: options.baseline, line: { color: colour("--mark"), width: 1.2, dash: "dash" } });
      layout.annotations.push({ xref: "paper", yref: `y${number}`, x: 1, y: options.baseline, xanchor: "right", yanchor: "bottom", showarrow: false, text: "best constant", font: { size: 11, color: colour("--mark") } });
    }
    top -= size + gap;
  });
  for (const event of options.events ?? []) {
    layout.shapes.push({ type: "line", xref: "x", x0: event.step, x1: event.step, yref: "paper", y0: 0, y1: 1, line: { color: event.colour, width: 1, dash: "dot" } });
  }
  layout.legend = { orientation: "h", x: 0, xanchor: "left", y: 1 + 24 / (height - 104), yanchor: "bottom" };
  layout.xaxis = { title: { text: "step (one update of the weights)", standoff: 8 }, anchor: `y${shown.length > 1 ? shown.length : ""}`, rangemode: "tozero", hoverformat: "d", tickformat: "~s" };
  return { data, layout, height };
}

function panelOf(lines, quantity, options) {
  // beta is that of the steps; validation always weighs with its last value
  const known = lines.map((line) => ({ line, ...(line.curves[quantity]?.[quantity === "beta" ? "train" : line.split] ?? { steps: [], values: [] }) }))
    .filter(({ line, steps }) => steps.length && (quantity !== "beta" || line.split === "train" || lines.every((other) => other.split !== "train")));
  const all = known.flatMap(({ values }) => values).filter((value) => value !== null);
  const low = Math.min(...all), log = options.log && SCALED.has(quantity);
  const shifted = log && low <= 0;
  const floor = shifted ? 1e-3 * (Math.max(...all) - low || 1) : 0;
  const traces = known.map(({ line, steps, values }) => ({
    type: "scatter", mode: values.filter((value) => value !== null).length === 1 ? "markers" : "lines", name: plain(line.name), legendgroup: plain(line.name),
    x: steps, y: shifted ? values.map((value) => (value === null ? null : value - low + floor)) : values, connectgaps: false,
    line: { color: line.colour, width: line.width ?? 1.6, dash: line.dash ?? "solid", shape: quantity === "live_dimensions" ? "hv" : "linear" },
    customdata: values, hovertemplate: "%{customdata:.6~g}",
  }));
  const axis = { type: log ? "log" : "linear", nticks: WEIGHT[quantity] < 1.5 ? 3 : 6, exponentformat: log ? "power" : "none", separatethousands: true };
  if (quantity === "live_dimensions" || quantity === "beta") axis.rangemode = "tozero";
  if (options.late && !log && SCALED.has(quantity)) axis.range = later(known);
  return { traces, axis, unit: shifted ? `above ${low.toPrecision(4)} nats per sample` : undefined };
}

/** The range of the later two thirds of the steps, with some air. */
function later(known) {
  const values = known.flatMap(({ steps, values: all }) => all.filter((value, place) => value !== null && steps[place] >= steps.at(-1) / 3));
  if (!values.length) return undefined;
  const low = Math.min(...values), high = Math.max(...values), air = 0.08 * (high - low || Math.abs(high) || 1);
  return [low - air, high + air];
}
