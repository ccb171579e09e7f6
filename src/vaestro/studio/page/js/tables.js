// The tables of a run's screen, from the facts of its report.

import { command, element } from "./dom.js";

/** `rows`: [[label, unit, values]]; `name` says what the table is of. */
export function table(name, head, rows) {
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": name }, element("table", {},
    element("thead", {}, element("tr", {}, head.map((name) => element("th", { scope: "col" }, name)))),
    element("tbody", {}, rows.map(([label, unit, values]) => element("tr", {},
      element("th", { scope: "row" }, label, unit ? element("span", { class: "unit" }, unit) : null), values.map((value) => element("td", {}, value)))))));
}

export function outlook(facts) {
  const told = facts.outlook;
  return [
    element("h2", {}, "Forecast, and what happened"),
    element("p", { class: "sentence" }, `${told.sentence} ${told.outcome}`),
    table("Forecast beside what happened", ["Quantity", "forecast", facts.ended ? "at the end" : "so far"], told.rows.map((row) => [row.label, row.unit, [row.forecast, row.happened]])),
    told.findings.map((found) => element("div", { class: "finding" }, element("p", {}, element("b", {}, `${found.kind}. `), found.sentence), found.commands.map((text) => command(text)))),
    told.commands.length && !facts.findings.length ? [element("p", { class: "sentence" }, "What the forecast proposed, any one of these:"), told.commands.map((text) => command(text))] : null,
    told.reasons.length ? element("details", {}, element("summary", {}, "Why"), element("ul", {}, told.reasons.map((reason) => element("li", {}, reason)))) : null,
  ];
}

export function evaluation(sections) {
  return sections.map((one) => [
    element("h3", {}, one.heading),
    table(one.heading, ["Quantity", ...one.columns], one.rows.map((row) => [row.label, row.unit, row.values])),
    one.note ? element("p", { class: "source" }, one.note) : null,
  ]);
}

export function particulars(pairs) {
  return element("dl", { class: "particulars" }, pairs.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}
