// Elements from plain values. Texts become text nodes only, so nothing that a run says is markup.

const SVG = "http://www.w3.org/2000/svg";
const DRAWN = new Set(["svg", "path", "line", "circle", "rect", "g", "text", "polyline", "title"]);

/** element("p", {class: "quiet", onclick: f}, "text", child, null): `null` children are left out. */
export function element(tag, attributes = {}, ...children) {
  const made = DRAWN.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "indeterminate") made[name] = value;
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.flat(4).filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child)))));
  return made;
}

/** Put `children` in the place of everything in `place`. */
export function fill(place, ...children) {
  place.replaceChildren(...children.flat(4).filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child)))));
  return place;
}

/** A command to paste, with a button that copies it. */
export function command(text, label = "Copy") {
  const said = label === "Copy" ? "Copy the command" : label;
  const button = element("button", { type: "button", "aria-label": `${said} ${text}` }, label);
  button.addEventListener("click", async () => {
    await copy(text);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1500);
  });
  return element("div", { class: "command" }, element("pre", { tabindex: "0" }, element("code", {}, text)), button);
}

async function copy(text) {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return;
    } catch {
      // not allowed here (no focus, no secure context): the old way below
    }
  }
  const field = element("textarea", { value: text, class: "hidden" });
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

/** A verdict as a coloured word. */
export function verdict(word, tone) {
  return element("span", { class: `verdict ${tone}` }, word);
}
