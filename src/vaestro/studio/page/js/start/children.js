// What studios over this folder started: how it stands, with stop, resume and the commands for both.

import { get, post } from "../api.js";
import { command, element, fill } from "../dom.js";
import { ago } from "../numbers.js";
import { toast } from "../toast.js";

const PAUSE = 1500;
const TONES = { running: "good", stopping: "doubtful", finished: "good", stopped_early: "good", interrupted: "doubtful", failed: "bad", diverged: "bad", ended: "neutral" };

/** Keeps `place` up to date; returns {refresh, remove}. */
export function children(place) {
  let timer = null, gone = false;

  async function refresh() {
    clearTimeout(timer);
    try {
      const { children: found } = await get("start/children");
      if (gone) return;
      show(place, found, refresh);
      if (found.some((child) => child.alive)) timer = setTimeout(refresh, PAUSE);
    } catch (fault) {
      if (!gone) timer = setTimeout(refresh, 4 * PAUSE);
    }
  }
  return { refresh, remove: () => { gone = true; clearTimeout(timer); } };
}

function show(place, found, refresh) {
  const focused = document.activeElement?.dataset?.key;
  const open = new Set([...place.querySelectorAll("details[open]")].map((one) => one.dataset.id));
  place.hidden = found.length === 0;
  fill(place, element("h2", {}, "Started here"), element("ul", { class: "children" }, found.map((child) => item(child, refresh, open))));
  if (focused) place.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

function item(child, refresh, open) {
  const began = ago(Date.parse(child.began) / 1000);
  const screen = child.what === "sweep" ? "sweep" : "run";
  return element("li", {},
    element("div", { class: "child" },
      element("a", { href: `#/${screen}/${encodeURIComponent(child.id)}` }, child.id),
      element("span", { class: `verdict ${TONES[child.state] ?? "neutral"}`, "aria-live": "polite" }, child.state.replaceAll("_", " ")),
      element("span", { class: "quietly" }, began),
      buttons(child, refresh)),
    child.said ? element("p", { class: "bad child-said" }, child.said) : null,
    element("details", { "data-id": child.id, open: open.has(child.id) }, element("summary", {}, "Commands"), command(child.command), child.resumable ? command(child.resume) : null));
}

function buttons(child, refresh) {
  if (child.what === "sweep") return null;
  if (child.alive) {
    return act("Stop", child, child.state === "stopping", () => post("start/stop", { id: child.id }), "It writes a checkpoint and ends.", refresh);
  }
  return child.resumable && ["interrupted", "failed"].includes(child.state)
    ? act("Resume", child, false, () => post("start/resume", { id: child.id }), "It goes on from its last checkpoint.", refresh) : null;
}

function act(word, child, disabled, work, said, refresh) {
  return element("button", { type: "button", disabled, "data-key": `${word}-${child.id}`, "aria-label": `${word} ${child.id}`, onclick: async (event) => {
    event.target.disabled = true;
    try {
      await work();
      toast(`${child.id}: ${said}`);
    } catch (fault) {
      toast(fault.message, 10);
    }
    refresh();
  } }, word);
}
