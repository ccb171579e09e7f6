// The router: #/screen/ID shows one screen; a screen's `show` returns how it is taken away.

import { element, fill } from "./dom.js";
import { connection } from "./live.js";
import { library } from "./plot.js";
import { themeButton } from "./theme.js";

const SCREENS = {
  runs: () => import("./screens/runs.js"),
  compare: () => import("./screens/compare.js"),
  run: () => import("./screens/run.js"),
  explore: () => import("./screens/explorer.js"),
  sweep: () => import("./screens/sweep.js"),
  start: () => import("./screens/start.js"),
};
const TITLES = { runs: "Runs", compare: "Compare", run: "Run", explore: "Explore", sweep: "Sweep", start: "Start" };

const place = document.getElementById("place");
let leave = null, turn = 0;

/** "#/run/a%2Fb?x=1" -> {screen: "run", id: "a/b", ids: ["a/b"], query: URLSearchParams}. */
function parsed(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [screen, ...rest] = path.split("/");
  const ids = rest.join("/").split(",").filter(Boolean).map(decoded);
  return { screen: screen || "runs", id: ids[0] ?? "", ids, query: new URLSearchParams(query) };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function route(first = false) {
  const parameters = parsed(location.hash);
  const mine = ++turn;
  const screen = parameters.screen in SCREENS ? parameters.screen : "runs";
  await leave?.();
  leave = null;
  mark(screen, parameters);
  const stage = element("div", { "aria-busy": "true" }, element("p", { class: "quietly" }, "Reading\u2026"));
  fill(place, stage);
  if (!first) place.focus({ preventScroll: true });
  scrollTo(0, 0);
  try {
    const { show } = await SCREENS[screen]();
    const gone = await show(stage, parameters);
    if (mine === turn) leave = gone ?? null;
    else await gone?.();
  } catch (fault) {
    if (mine === turn) fill(stage, element("p", { class: "fault", role: "alert" }, fault.message));
  }
  stage.removeAttribute("aria-busy");
}

function mark(screen, parameters) {
  document.title = [parameters.id, TITLES[screen], "vaestro studio"].filter(Boolean).join(" \u2013 ");
  for (const link of document.querySelectorAll(".bar nav a")) {
    if (link.dataset.screen === screen) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

themeButton(document.getElementById("theme"));
connection((on) => {
  const link = document.getElementById("link");
  link.textContent = on ? "live" : "not connected";
  link.classList.toggle("on", on);
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  place.focus();
});
addEventListener("hashchange", () => route());
route(true).then(() => setTimeout(ahead, 100));

/** What the next screen needs, while someone reads this one; a fault is told where it is needed. */
function ahead() {
  Promise.all([library(), SCREENS.run()]).catch(() => {});
}
