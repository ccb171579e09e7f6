// What one may do with a run from its screen: stop it, go on with it, start one like it.

import { get, post } from "./api.js";
import { element } from "./dom.js";
import { toast } from "./toast.js";

const ENDED = new Set(["finished", "stopped early", "stopped_early"]);
const PAUSE = 1000, LOOKS = 60;

/** Buttons for the run `id`, whose facts are known. */
export async function controls(id, facts) {
  const { child } = await get("start/child", { id });
  const like = element("a", { class: "button", href: `#/start?run=${encodeURIComponent(id)}` }, "Start one like it");
  if (child?.alive) return [stopping(id, child), like];
  if (facts.at_work) return [element("span", { class: "quietly" }, "Ctrl-C where it was started stops it."), like];
  return [ENDED.has(facts.status) ? null : resuming(id), like];
}

function stopping(id, child) {
  const button = element("button", { type: "button", disabled: child.state === "stopping", title: "It writes a checkpoint and ends." }, child.state === "stopping" ? "Stopping\u2026" : "Stop");
  button.addEventListener("click", () => acted(button, "Stopping\u2026", "start/stop", id));
  return button;
}

function resuming(id) {
  const button = element("button", { type: "button", title: "vaestro train --resume" }, "Resume");
  button.addEventListener("click", () => acted(button, "Starting\u2026", "start/resume", id));
  return button;
}

/** Do it; if the process ends with a fault, say which. */
async function acted(button, word, path, id) {
  const before = button.textContent;
  button.disabled = true;
  button.textContent = word;
  try {
    await post(path, { id });
    for (let look = 0; look < LOOKS; look += 1) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
      const { child } = await get("start/child", { id });
      if (child?.alive) continue;
      if (child?.said) toast(child.said, 10);
      return;
    }
  } catch (fault) {
    toast(fault.message, 10);
    button.disabled = false;
    button.textContent = before;
  }
}
