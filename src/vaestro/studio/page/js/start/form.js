// The form of a recipe: a tree of parts, from the schema that the server tells.

import { element, fill } from "../dom.js";
import { about, at } from "./asked.js";
import { control } from "./fields.js";

const OPEN = new Set(["model", "objective", "training"]);
const WRITTEN = "input[type=text], textarea";

/** Fills `place` with the form. `schema`: {root, parts}. Call `show(answer)` with each answer. */
export class Form {
  constructor(place, schema, asked) {
    Object.assign(this, { place, schema, asked, open: new Map(), sought: "" });
  }

  /** Draw anew; whoever is typing goes on typing. */
  show(answer) {
    this.answer = answer;
    this.set = this.asked.asked.set;
    const kept = typing(this.place);
    fill(this.place, this.part(this.schema.root, "", true));
    restore(this.place, kept);
    this.seek(this.sought);
  }

  /** Show only fields whose name or help has the text. */
  seek(text) {
    this.sought = text.trim().toLowerCase();
    for (const row of this.place.querySelectorAll(".field")) {
      row.hidden = this.sought !== "" && !row.textContent.toLowerCase().includes(this.sought) && !row.dataset.path.includes(this.sought);
    }
    for (const group of this.place.querySelectorAll("details.part")) {
      const some = group.querySelector(".field:not([hidden])") !== null;
      group.hidden = this.sought !== "" && !some;
      group.open = this.sought !== "" ? some : this.isOpen(group.dataset.path);
    }
  }

  isOpen(path) {
    return this.open.get(path) ?? (OPEN.has(path) && matchMedia("(min-width: 46rem)").matches);
  }

  part(name, path, top = false) {
    return this.schema.parts[name].fields.map((field) => this.field(field, path ? `${path}.${field.name}` : field.name, top));
  }

  field(field, path, top) {
    if (field.form === "kinds") return this.kinds(field, path, top);
    if (field.form === "part") return this.nested(field, path, top);
    const id = `f-${path}`;
    const value = this.value(field, path);
    return this.row(field, path, control(field, value, id, (text) => this.asked.set(path, text)), id);
  }

  /** What a field has; of a part that is not legal yet, what it will have. */
  value(field, path) {
    const value = at(this.answer.values, path);
    return value === undefined ? field.default : value;
  }

  /** A part of one of several kinds: the kind, and below it the fields that it has. */
  kinds(field, path, top) {
    const value = this.value(field, path);
    const kind = value?.kind;
    const id = `f-${path}`;
    const options = Object.keys(field.kinds).map((one) => element("option", { value: one, selected: one === kind }, one));
    if (!(kind in field.kinds)) options.unshift(element("option", { value: kind ?? "", selected: true }, kind ?? "none"));
    const select = element("select", { id, "data-path": path, "aria-describedby": `${id}-help`,
      onchange: (event) => this.asked.set(`${path}.kind`, event.target.value) }, options);
    const row = this.row(field, path, select, id, this.schema.parts[field.kinds[kind]]?.about);
    const inner = kind in field.kinds ? this.part(field.kinds[kind], path) : [];
    return top ? this.group(field, path, [row, inner]) : [row, inner.length ? element("div", { class: "inner" }, inner) : null];
  }

  /** A part that is always there, or one that may be none. */
  nested(field, path, top) {
    const value = this.value(field, path);
    const inner = value === null || value === undefined ? [] : this.part(field.part, path);
    if (top) return this.group(field, path, inner);
    const id = `f-${path}`;
    const about = this.schema.parts[field.part].about;
    if (!field.optional) {
      return element("fieldset", { class: "inner" }, element("legend", {}, field.name), this.help(id, field, about), inner);
    }
    const tick = element("input", { id, "data-path": path, "aria-describedby": `${id}-help`, type: "checkbox", checked: inner.length > 0,
      onchange: (event) => (event.target.checked ? this.asked.set(path, "{}") : this.asked.set(path, "null")) });
    return [this.row(field, path, tick, id, about), inner.length ? element("div", { class: "inner" }, inner) : null];
  }

  group(field, path, inner) {
    const changed = this.set.filter((edit) => about(edit, path)).length;
    const summary = element("summary", {}, element("span", { class: "part-name" }, field.name),
      changed ? element("span", { class: "changed-count" }, `${changed} changed`) : null,
      element("span", { class: "part-help" }, marked(field.help)));
    const group = element("details", { class: "part", "data-path": path, open: this.isOpen(path) }, summary, inner);
    group.addEventListener("toggle", () => { if (!this.sought) this.open.set(path, group.open); });
    return group;
  }

  row(field, path, made, id, about = "") {
    const changed = this.set.some((edit) => about_only(edit, path, field));
    const fault = this.answer.error?.startsWith(`${path} `) || this.answer.error?.startsWith(`${path}.kind `) || this.answer.error?.startsWith(`${path}: `);
    if (fault) (made.matches("input, select, textarea") ? made : made.querySelector("input"))?.setAttribute("aria-invalid", "true");
    return element("div", { class: `field${changed ? " changed" : ""}`, "data-path": path },
      element("label", { for: id }, field.name, field.required && at(this.answer.values, path) === undefined ? element("span", { class: "needed" }, " needed") : null),
      element("div", { class: "control" }, made,
        changed ? element("button", { type: "button", class: "quiet undo", "data-path": path, "aria-label": `Undo the change of ${path}`, title: "Undo", onclick: () => this.asked.undo(path) }, "\u21ba") : null),
      this.help(id, field, about), fault ? element("p", { class: "bad field-fault" }, this.answer.error) : null);
  }

  help(id, field, about = "") {
    const told = [field.help, about].filter(Boolean).filter((one, place, all) => all.indexOf(one) === place).join(" ");
    return element("p", { class: "help", id: `${id}-help` }, field.legal ? element("span", { class: "legal" }, `${field.legal[0].toUpperCase()}${field.legal.slice(1)}. `) : null, marked(told));
  }
}

/** An edit of this field itself; of a part with a kind, that of its kind. */
function about_only(edit, path, field) {
  return field.form === "kinds" ? edit.startsWith(`${path}.kind=`) || edit.startsWith(`${path}=`) : about(edit, path);
}

/** Words in `backticks` as code. */
export function marked(text) {
  return text.split("`").map((part, place) => (place % 2 ? element("code", {}, part) : part));
}

/** Where the person is, and what is typed there and not sent yet. */
function typing(place) {
  const active = document.activeElement;
  if (!place.contains(active) || !active.dataset.path) return null;
  const typed = active.matches("input:not([type=checkbox]), textarea") && active.value !== active.defaultValue ? active.value : null;
  return { path: active.dataset.path, tag: active.tagName, typed, at: active.matches(WRITTEN) ? active.selectionStart : null };
}

function restore(place, kept) {
  if (!kept) return;
  const same = [...place.querySelectorAll("input, select, textarea, button")].filter((one) => one.dataset.path === kept.path);
  const again = same.find((one) => one.tagName === kept.tag) ?? same[0];
  if (!again) return;
  again.focus({ preventScroll: true });
  if (kept.typed !== null && again.value !== kept.typed && kept.typed !== "") again.value = kept.typed;
  if (kept.at !== null && again.matches(WRITTEN)) again.setSelectionRange(kept.at, kept.at);
}
