// A sentence in the corner that goes away by itself; screen readers are told it.

import { element } from "./dom.js";

export function toast(text, seconds = 5) {
  const shown = element("div", { class: "toast" }, text);
  document.getElementById("toasts").append(shown);
  setTimeout(() => shown.remove(), 1000 * seconds);
}
