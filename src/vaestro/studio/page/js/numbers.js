// Numbers as the report prints them: few digits, a true minus, thin spaces between thousands.

export const NONE = "\u2013";

export function number(value) {
  if (typeof value !== "number" || !Number.isFinite(value)) return NONE;
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e9) return typeset(grouped(value.toFixed(0)));
  if (size >= 0.1 && size < 100) return typeset(value.toFixed(2));
  if (size >= 100 && size < 1e7) return typeset(grouped(value.toFixed(size < 1000 ? 1 : 0)));
  if (size >= 1e-4 && size < 0.1) return typeset(String(Number(value.toPrecision(3))));
  return typeset(value.toExponential(2).replace("e+", "e"));
}

export function counted(value, one, many = `${one}s`) {
  return `${number(value)} ${value === 1 ? one : many}`;
}

function grouped(text) {
  const [whole, rest] = text.split(".");
  const spaced = whole.replace(/\B(?=(\d{3})+$)/g, "\u202f");
  return rest === undefined ? spaced : `${spaced}.${rest}`;
}

function typeset(text) {
  return text.replaceAll("-", "\u2212");
}

/** How long ago, in words: seconds since 1970 -> "3 min ago". */
export function ago(seconds) {
  const passed = Math.max(0, Date.now() / 1000 - seconds);
  if (passed < 10) return "just now";
  if (passed < 90) return `${Math.round(passed)} s ago`;
  if (passed < 5400) return `${Math.round(passed / 60)} min ago`;
  if (passed < 129600) return `${Math.round(passed / 3600)} h ago`;
  return `${Math.round(passed / 86400)} days ago`;
}
