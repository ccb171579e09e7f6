// The list of runs, populations, sweeps and studies: live, sortable, searchable; several to compare.

import { get, address } from "../api.js";
import { element, fill, verdict } from "../dom.js";
import { followed } from "../following.js";
import { ago, counted, number } from "../numbers.js";

const ORDERS = {
  changed: ["changed last", (a, b) => (b.changed ?? 0) - (a.changed ?? 0)],
  id: ["path", (a, b) => a.id.localeCompare(b.id, undefined, { numeric: true })],
  name: ["name", (a, b) => String(a.name).localeCompare(String(b.name))],
  verdict: ["verdict", (a, b) => String(a.verdict ?? "~").localeCompare(String(b.verdict ?? "~"))],
  cost: ["data term + prior term", (a, b) => cost(a) - cost(b)],
  data_term: ["data term", (a, b) => known(a.data_term) - known(b.data_term)],
  prior_term: ["prior term", (a, b) => known(a.prior_term) - known(b.prior_term)],
  live: ["live dimensions", (a, b) => (b.live ?? -1) - (a.live ?? -1)],
};
const SHOWN = { all: "everything", apart: "runs on their own", many: "sweeps, studies, populations" };

function known(value) {
  return value ?? Number.MAX_VALUE;
}

function cost(row) {
  return row.data_term === null || row.data_term === undefined ? Number.MAX_VALUE : row.data_term + (row.prior_term ?? 0);
}

export function show(place, { query }) {
  return followed([""], (follow) => listed(place, query, follow));
}

async function listed(place, query, follow) {
  const rows = new Map(), items = new Map(), chosen = new Set();
  let ids = [], mark = "";

  const search = element("input", { type: "search", placeholder: "name, path or verdict", "aria-label": "Search", value: query.get("q") ?? "" });
  const order = select("Sort by", Object.entries(ORDERS).map(([key, [name]]) => [key, name]), query.get("sort") ?? "changed");
  const kinds = select("Show", Object.entries(SHOWN), query.get("show") ?? "all");
  const count = element("p", { class: "quietly", role: "status" }, "Reading\u2026");
  const list = element("ul", { class: "runs" });
  const compare = element("a", { class: "button main", href: "#/compare/" }, "Compare");
  const none = element("button", { type: "button", onclick: () => { chosen.clear(); draw(); } }, "Choose none");
  const told = element("span", {});
  const bar = element("div", { class: "chosen-bar", hidden: true }, told, compare, none);
  const root = element("p", { class: "eyebrow" });
  fill(place,
    element("div", { class: "head" }, root, element("h1", {}, "Runs")),
    element("div", { class: "tools runs-tools" }, search, order.label, kinds.label),
    count, list, bar);

  async function read() {
    const found = await get("runs", { since: mark });
    mark = found.mark;
    ids = found.ids;
    root.textContent = found.root;
    for (const row of found.rows) { rows.set(row.id, row); items.delete(row.id); }
    const there = new Set(ids);
    for (const id of rows.keys()) if (!there.has(id)) { rows.delete(id); items.delete(id); chosen.delete(id); }
    draw();
  }

  function draw() {
    const wanted = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const kind = kinds.field.value;
    const found = ids.map((id) => rows.get(id)).filter(Boolean)
      .filter((row) => kind === "all" || (kind === "apart" ? row.kind === "run" && row.parent === null : row.kind !== "run"))
      .filter((row) => wanted.every((word) => `${row.id} ${row.name} ${row.verdict ?? ""} ${row.kind} ${row.error ?? ""}`.toLowerCase().includes(word)))
      .sort(ORDERS[order.field.value][1]);
    const at = document.activeElement?.closest?.("li")?.dataset.id;
    const what = document.activeElement?.tagName;
    fill(list, found.map((row) => item(row)));
    if (at !== undefined && what !== undefined) items.get(at)?.querySelector(what)?.focus({ preventScroll: true });
    const working = found.filter((row) => row.at_work && row.kind === "run").length;
    count.textContent = ids.length === 0 ? "" : `${counted(found.length, "entry", "entries")} of ${number(ids.length)}${working ? `, ${number(working)} training now` : ""}`;
    if (ids.length === 0) fill(list, element("li", { class: "empty" }, "Nothing was trained here yet. ", element("a", { href: "#/start" }, "Start a run"), "."));
    bar.hidden = chosen.size === 0;
    told.textContent = `${number(chosen.size)} chosen`;
    compare.href = `#/compare/${[...chosen].map(encodeURIComponent).join(",")}`;
  }

  function item(row) {
    if (!items.has(row.id)) items.set(row.id, made(row));
    const shown = items.get(row.id);
    shown.classList.toggle("chosen", chosen.has(row.id));
    const box = shown.querySelector("input");
    if (box) box.checked = chosen.has(row.id);
    return shown;
  }

  function made(row) {
    const choose = (event) => { if (event.target.checked) chosen.add(row.id); else chosen.delete(row.id); draw(); };
    const box = row.kind === "run" && !row.error
      ? element("label", { class: "pick" }, element("input", { type: "checkbox", onchange: choose, "aria-label": `Choose ${row.id} to compare` }))
      : element("span", { class: "no-pick" });
    return element("li", { class: "row", "data-id": row.id }, box, picture(row), title(row), ...(row.error ? [element("p", { class: "told" }, row.error)] : row.kind === "run" ? figures(row) : [together(row)]));
  }

  search.addEventListener("input", draw);
  order.field.addEventListener("change", draw);
  kinds.field.addEventListener("change", draw);
  await read();
  follow.begin(read);
  return follow.stop;
}

function select(label, options, value) {
  const field = element("select", {}, options.map(([key, name]) => element("option", { value: key }, name)));
  field.value = options.some(([key]) => key === value) ? value : options[0][0];
  return { field, label: element("label", {}, label, field) };
}

function picture(row) {
  if (!row.pictures || row.error) return element("span", { class: "blank" });
  const source = address("run/picture", { id: row.id, name: "thumbnail", v: Math.round(row.changed * 1000) });
  const shown = element("img", { class: "thumb", src: source, alt: "", loading: "lazy", decoding: "async" });
  shown.addEventListener("error", () => shown.replaceWith(element("span", { class: "blank" })));
  return shown;
}

function title(row) {
  const screen = row.kind === "sweep" || row.kind === "study" ? "sweep" : "run";
  const target = row.kind === "population" ? `#/runs?q=${encodeURIComponent(row.id)}` : `#/${screen}/${encodeURIComponent(row.id)}`;
  const link = element("a", { href: target }, row.name);
  const state = row.at_work ? [element("span", { class: "live-dot" }), "training now \u00b7 "] : row.status && row.status !== "finished" ? [`${row.status === "running" && row.at_work === false ? "was killed" : row.status} \u00b7 `] : [];
  return element("div", { class: "name" },
    link, row.verdict ? [" ", verdict(row.verdict, row.tone)] : null,
    element("span", { class: "where" }, row.id === "." ? "the root itself" : row.id),
    element("span", { class: "where" }, state, row.changed ? ago(row.changed) : ""),
    row.planted?.length ? element("span", { class: "where bad" }, `trained with planted faults: ${row.planted.join(", ")}`) : null);
}

function figures(row) {
  const live = row.live === null ? number(null) : row.latent ? `${row.live} of ${row.latent}` : String(row.live);
  return [spark(row.curve), figure(number(row.data_term), "data term, nats"), figure(number(row.prior_term), "prior term, nats"), figure(live, "live dimensions")];
}

function figure(value, name) {
  return element("p", { class: "figure quietly" }, element("b", {}, value), element("span", {}, name));
}

function together(row) {
  const words = Object.entries(row.verdicts ?? {}).map(([word, many]) => `${many} ${word}`).join(", ");
  return element("p", { class: "members" }, `${row.kind} of ${counted(row.members ?? 0, "run")}, ${number(row.ended ?? 0)} ended${words ? `: ${words}` : ""}`);
}

/** The held-out data term over the steps, on a scale of its own; what was before its settling is cut. */
function spark(curve) {
  if (!curve || curve.length < 2) return element("span", { class: "blank" });
  const late = curve.slice(Math.floor(curve.length / 3)).map(([, value]) => value);
  const low = Math.min(...curve.map(([, value]) => value)), span = Math.max(...late) - low || 1;
  const high = low + 1.6 * span, last = curve.at(-1)[0] || 1;
  const points = curve.map(([step, value]) => `${(160 * step / last).toFixed(1)},${(38 - 34 * Math.min(1, (value - low) / (high - low))).toFixed(1)}`);
  return element("svg", { class: "spark", viewBox: "0 0 160 42", preserveAspectRatio: "none", role: "img", "aria-label": `data term from ${number(curve[0][1])} to ${number(curve.at(-1)[1])} nats per sample` },
    element("path", { d: `M${points.join("L")}` }));
}
