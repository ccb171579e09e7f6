// Light, dark or as the system has it; the choice stays in this browser.

const KEY = "vaestro-theme";
const CHOICES = ["system", "light", "dark"];
const NAMES = { system: "Theme: as the system", light: "Theme: light", dark: "Theme: dark" };
const changed = new EventTarget();

/** Call `told()` when the colours change; returns how to stop. */
export function onTheme(told) {
  changed.addEventListener("theme", told);
  return () => changed.removeEventListener("theme", told);
}

/** The value of a colour variable such as "--ink", as the theme has it now. */
export function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

export function themeButton(button) {
  let choice = localStorage.getItem(KEY) ?? "system";
  const apply = () => {
    if (choice === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = choice;
    button.textContent = { system: "\u25d0", light: "\u25cb", dark: "\u25cf" }[choice];
    button.setAttribute("aria-label", NAMES[choice]);
    button.title = NAMES[choice];
    changed.dispatchEvent(new Event("theme"));
  };
  button.addEventListener("click", () => {
    choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
    localStorage.setItem(KEY, choice);
    apply();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
  apply();
}
