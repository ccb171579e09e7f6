// The studio's JSON. Everything goes to the server this page came from.

async function answer(response) {
  let value = null;
  try {
    value = await response.json();
  } catch {
    throw new Error(`the studio answered ${response.status} without JSON`);
  }
  if (!response.ok) throw new Error(value?.error ?? `the studio answered ${response.status}`);
  return value;
}

async function reach(address, options) {
  try {
    return await fetch(address, options);
  } catch (fault) {
    if (fault.name === "AbortError") throw fault;
    throw new Error("the studio does not answer; is it still running?");
  }
}

/** The address /api/PATH?name=value...; values that are null or undefined are left out. */
export function address(path, query = {}) {
  const known = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  const text = new URLSearchParams(known.map(([name, value]) => [name, String(value)])).toString();
  return `/api/${path}${text ? `?${text}` : ""}`;
}

/** get("run", {id}) -> JSON; throws an Error with one line. */
export async function get(path, query = {}, signal = undefined) {
  return answer(await reach(address(path, query), { signal }));
}

/** post("start", {...}) -> JSON; throws an Error with one line. */
export async function post(path, body, signal = undefined) {
  const headers = { "Content-Type": "application/json" };
  return answer(await reach(address(path), { method: "POST", headers, body: JSON.stringify(body), signal }));
}
