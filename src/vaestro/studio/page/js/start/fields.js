// One control for each form of field; `change(text)` is called with the new value as YAML.

import { element } from "../dom.js";
import { written } from "./asked.js";

/** The control of a field: {form, ...} as the server describes it, and its present value. */
export function control(field, value, id, change) {
  const made = MAKERS[field.form] ?? yaml;
  return made(field, value, { id, "data-path": id.slice(2), "aria-describedby": `${id}-help` }, change);
}

const MAKERS = { integer: numeric, number: numeric, boolean: tick, choice, text, list };

function numeric(field, value, names, change) {
  const shown = value === null || value === undefined ? "" : String(value);
  if (field.words) return worded(field, shown, names, change);
  return element("input", {
    ...names, type: "number", value: shown, min: field.least ?? field.above ?? null, max: field.most ?? field.below ?? null,
    step: field.form === "integer" ? "1" : "any", required: !field.optional,
    placeholder: field.optional ? "none" : null,
    onchange: (event) => change(event.target.value.trim() || "null"),
  });
}

/** A number beside which some words are legal. */
function worded(field, shown, names, change) {
  const list = `${names.id}-words`;
  return element("span", { class: "worded" },
    element("input", { ...names, type: "text", value: shown, list, autocomplete: "off", placeholder: field.optional ? "none" : null,
      onchange: (event) => change(event.target.value.trim() || "null") }),
    element("datalist", { id: list }, field.words.map((word) => element("option", { value: word }))));
}

function tick(field, value, names, change) {
  return element("input", { ...names, type: "checkbox", checked: value === true, onchange: (event) => change(String(event.target.checked)) });
}

function choice(field, value, names, change) {
  const none = field.optional ? [element("option", { value: "null", selected: value === null }, "none")] : [];
  const options = field.values.map((one) => element("option", { value: written(String(one)), selected: one === value }, String(one)));
  return element("select", { ...names, onchange: (event) => change(event.target.value) }, none, options);
}

function text(field, value, names, change) {
  return element("input", {
    ...names, type: "text", value: value ?? "", autocomplete: "off", spellcheck: "false", placeholder: field.optional ? "none" : null,
    onchange: (event) => change(event.target.value === "" && field.optional ? "null" : written(event.target.value)),
  });
}

function list(field, value, names, change) {
  const shown = Array.isArray(value) ? value.join(", ") : value ?? "";
  return element("input", {
    ...names, type: "text", value: String(shown), autocomplete: "off", spellcheck: "false", placeholder: field.optional ? "none" : null,
    onchange: (event) => change(listed(field, event.target.value)),
  });
}

function listed(field, typed) {
  const parts = typed.split(",").map((part) => part.trim()).filter(Boolean);
  if (!parts.length && field.optional) return "null";
  if (parts.length === 1 && field.words?.includes(parts[0])) return parts[0];
  return `[${parts.map((part) => (field.of.form === "text" ? written(part) : part)).join(", ")}]`;
}

function yaml(field, value, names, change) {
  const shown = value === null || value === undefined ? "" : JSON.stringify(value);
  return element("textarea", { ...names, rows: "3", spellcheck: "false", value: shown,
    onchange: (event) => change(event.target.value.trim().replace(/\s*\n\s*/g, " ") || "null") });
}
