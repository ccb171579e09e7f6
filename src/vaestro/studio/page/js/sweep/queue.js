// Who works on what: the batches with their leases, the workers, their last words.

import { element, fill } from "../dom.js";
import { counted, number } from "../numbers.js";

const WORDS = { done: "done", waiting: "waits for a worker", leased: "at work", expired: "its worker is no longer heard of" };

/** Fills `place` with the queue. */
export function showQueue(place, queue) {
  const open = place.querySelector("details")?.open ?? true;
  const left = queue.wanted - queue.asked;
  const told = [`${number(queue.ended)} of ${counted(queue.wanted, "trial")} have ended`,
    left ? `${number(left)} are not asked yet` : "all are asked",
    queue.waiting ? `${counted(queue.waiting, "batch", "batches")} ${queue.waiting === 1 ? "waits" : "wait"} for a worker` : null].filter(Boolean).join("; ");
  fill(place, element("h2", {}, "Queue, leases and workers"), element("p", {}, `${told}.`), workers(queue.workers),
    queue.batches.length ? element("details", { open }, element("summary", {}, "Batches"), batches(queue)) : null, logs(queue.logs));
}

function workers(found) {
  if (!found.length) return element("p", { class: "quietly" }, "No worker holds a batch.");
  const rows = found.map((one) => element("li", {}, element("b", {}, one.host || "a worker"), one.process ? ` process ${one.process}` : "", `, batch ${one.batch}, ${counted(one.steps, "step")}`));
  return element("ul", { class: "workers", "aria-label": "Workers" }, rows);
}

function batches(queue) {
  const rows = queue.batches.map((one) => element("tr", { class: one.state },
    element("th", { scope: "row" }, String(one.batch)),
    element("td", {}, one.first === one.last ? String(one.first) : `${one.first}\u2013${one.last}`),
    element("td", {}, `${one.ended} of ${one.trials}`),
    element("td", { class: "words" }, WORDS[one.state] ?? one.state),
    element("td", {}, one.seconds_left === null ? "" : seconds(one.seconds_left)),
    element("td", { class: "words" }, one.owner),
    element("td", {}, one.attempts > 1 ? `${one.attempts - 1}` : "")));
  const head = ["Batch", "Trials", "Ended", "State", "Lease ends in", "Worker", "Taken over"];
  const kinds = ["", "", "", "words", "", "words", ""];
  const more = queue.left_out ? element("p", { class: "quietly" }, `${number(queue.left_out)} older batches that are done are left out.`) : null;
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of batches" },
    element("table", {}, element("thead", {}, element("tr", {}, head.map((one, place) => element("th", { scope: "col", class: kinds[place] }, one)))), element("tbody", {}, rows)), more);
}

function seconds(value) {
  return value <= 0 ? "run out" : `${number(Math.round(value))} s`;
}

function logs(found) {
  if (!found.length) return null;
  return element("details", {}, element("summary", {}, "Last words of the workers on this machine"),
    element("ul", { class: "logs" }, found.map((one) => element("li", {}, `worker ${one.worker}: `, element("code", {}, one.said || "nothing")))));
}
