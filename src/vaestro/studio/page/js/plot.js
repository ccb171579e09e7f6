// plotly, loaded when a screen first draws with it, in the page's colours and both themes.

import { colour, onTheme } from "./theme.js";

let loading = null;

/** The plotly library. */
export function library() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = "/plotly.min.js";
    script.addEventListener("load", () => resolve(window.Plotly));
    script.addEventListener("error", () => reject(new Error("plotly.min.js could not be loaded")));
    document.head.append(script);
  });
  return loading;
}

/** A text from a folder as plotly shows it letter for letter: it reads some markup in texts. */
export function plain(text) {
  return String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Ten colours that stay apart for colour-blind readers, as the theme has them. */
export function classColours() {
  return Array.from({ length: 10 }, (_, i) => colour(`--class-${i}`));
}

/** A layout in the page's look; `more` is laid over it, axes one level deep. */
export function layout(more = {}) {
  const ink = colour("--ink"), quiet = colour("--quiet"), rule = colour("--rule");
  const axis = { color: quiet, gridcolor: rule, zeroline: false, linecolor: rule, ticks: "outside", tickcolor: rule, automargin: true, exponentformat: "e" };
  const made = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "ui-sans-serif, system-ui, sans-serif", size: 13, color: ink },
    margin: { l: 56, r: 16, t: 28, b: 44 }, hovermode: "closest", colorway: classColours(),
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
    hoverlabel: { bgcolor: colour("--surface"), bordercolor: rule, font: { color: ink } },
    ...more,
  };
  for (const name of new Set(["xaxis", "yaxis", ...Object.keys(more).filter((key) => /^[xy]axis\d*$/.test(key))])) {
    made[name] = { ...axis, ...more[name] };
  }
  return made;
}

export const CONFIG = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["select2d", "lasso2d", "toImage"] };

/** Draw into `place` and again when the theme changes. `make()` -> {data, layout}. `label` says in
 * words what is seen. Returns {redraw, remove}. */
export async function plot(place, label, make) {
  const plotly = await library();
  place.setAttribute("role", "group"); // no image: plotly puts buttons into it
  place.setAttribute("aria-label", label);
  const redraw = () => {
    const { data, layout: own } = make();
    return plotly.react(place, data, layout(own), CONFIG);
  };
  await redraw();
  const stop = onTheme(redraw);
  return { redraw, remove: () => { stop(); plotly.purge(place); } };
}
