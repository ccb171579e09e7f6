// What is asked for: a recipe, data, changed fields. The server checks every change.

import { post } from "../api.js";

const PLAIN = /^[A-Za-z0-9_./+-]+$/;
const WORDS = new Set(["true", "false", "null", "yes", "no", "on", "off", "y", "n", "~"]);

/** A value as YAML that means just this text. */
export function written(text) {
  return PLAIN.test(text) && !WORDS.has(text.toLowerCase()) && Number.isNaN(Number(text)) ? text : JSON.stringify(text);
}

/** The value at a dotted path, undefined where there is none. */
export function at(values, path) {
  return path.split(".").reduce((node, name) => (node === null || node === undefined ? undefined : node[name]), values);
}

/** The path that an edit sets. */
export function pathOf(edit) {
  return edit.slice(0, edit.indexOf("="));
}

/** Whether an edit sets the field at `path`, a part of it, or its kind. */
export function about(edit, path) {
  const set = pathOf(edit);
  return set === path || set.startsWith(`${path}.`);
}

/** The state of the screen. `told(state)` is called after every answer of the server. */
export class Asked {
  constructor(first, told) {
    this.asked = { recipe: null, run: null, data: null, set: [], ...first };
    this.told = told;
    this.answer = null;
    this.turn = 0;
  }

  /** Take another recipe or other data; the changed fields are kept. */
  async choose(changes) {
    return this.check({ ...this.asked, ...changes });
  }

  /** Set a field to the YAML `text`. */
  async set(path, text) {
    const kept = this.asked.set.filter((edit) => !replaced(edit, path));
    return this.check({ ...this.asked, set: [...kept, `${path}=${text}`] });
  }

  /** Add an edit as it is written, such as a remedy. */
  async add(edit) {
    return this.set(pathOf(edit), edit.slice(edit.indexOf("=") + 1));
  }

  /** Take a field back to what the recipe says. */
  async undo(path) {
    return this.check({ ...this.asked, set: this.asked.set.filter((edit) => !about(edit, path)) });
  }

  async reset() {
    return this.check({ ...this.asked, set: [] });
  }

  /** Ask the server; of answers that overtake each other the newest question's counts. */
  async check(asked) {
    const mine = ++this.turn;
    this.asked = asked; // at once: the next change may come before the answer
    const answer = await post("start/check", asked);
    if (mine !== this.turn) return;
    this.asked = { ...asked, set: answer.set };
    this.answer = answer;
    this.told(answer);
  }
}

/** Whether setting `path` makes an earlier edit void: the same field, or a part that gets a kind. */
function replaced(edit, path) {
  const whole = path.endsWith(".kind") ? path.slice(0, -".kind".length) : path;
  return about(edit, whole);
}
