// The page's one WebSocket: tells what changed, decodes latents. It comes back by itself.

const WATCH = 1, CHANGED = 2, DECODE = 3, DECODED = 4, FAILED = 5;
const text = new TextEncoder(), read = new TextDecoder();

const watchers = new Set();
const pending = new Map();
const listeners = new Set();
let socket = null, wait = 500, next = 1, on = false;

/** Call `told(ids)` when one of `ids` changes ("" is the list of runs); returns how to stop. */
export function watch(ids, told) {
  const watcher = { ids: new Set(ids), told };
  watchers.add(watcher);
  open();
  say();
  return () => { watchers.delete(watcher); say(); };
}

/** Decode `latents` (Float32Array) of `header.run`. Resolves to {header, data: ArrayBuffer}, or to
 * null when a newer request took its place; rejects with one line. */
export function decode(header, latents) {
  open();
  const request = next++;
  return new Promise((resolve, reject) => {
    const entry = { resolve, reject, sent: false, frame: framed({ ...header, request }, latents) };
    pending.set(request, entry);
    flush();
  });
}

/** Call `told(true | false)` now and whenever the connection comes or goes. */
export function connection(told) {
  listeners.add(told);
  told(on);
  return () => listeners.delete(told);
}

function framed(header, latents) {
  const head = text.encode(JSON.stringify(header));
  const frame = new Uint8Array(3 + head.length + latents.byteLength);
  frame[0] = DECODE;
  frame[1] = head.length & 255;
  frame[2] = head.length >> 8;
  frame.set(head, 3);
  frame.set(new Uint8Array(latents.buffer, latents.byteOffset, latents.byteLength), 3 + head.length);
  return frame;
}

function flush() {
  if (socket?.readyState !== WebSocket.OPEN) return;
  for (const entry of pending.values()) {
    if (entry.sent) continue;
    socket.send(entry.frame);
    entry.sent = true;
  }
}

function say() {
  if (socket?.readyState !== WebSocket.OPEN) return;
  const ids = [...new Set([...watchers].flatMap((watcher) => [...watcher.ids]))];
  const body = text.encode(JSON.stringify({ watch: ids }));
  const frame = new Uint8Array(1 + body.length);
  frame[0] = WATCH;
  frame.set(body, 1);
  socket.send(frame);
}

function open() {
  if (socket !== null) return;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  socket = new WebSocket(`${scheme}://${location.host}/live`);
  socket.binaryType = "arraybuffer";
  socket.addEventListener("open", () => {
    const again = wait > 500;
    wait = 500;
    tell(true);
    say();
    flush();
    // what happened while the line was down is not known: everything may have changed
    if (again) for (const watcher of watchers) watcher.told([...watcher.ids]);
  });
  socket.addEventListener("message", (event) => heard(event.data));
  socket.addEventListener("close", () => {
    socket = null;
    tell(false);
    for (const entry of pending.values()) entry.resolve(null);
    pending.clear();
    wait = Math.min(wait * 1.7, 8000);
    setTimeout(open, wait);
  });
}

function tell(state) {
  on = state;
  for (const listener of listeners) listener(state);
}

function heard(buffer) {
  const bytes = new Uint8Array(buffer);
  if (bytes[0] === CHANGED) changed(json(bytes.subarray(1)).changed);
  else if (bytes[0] === DECODED) decoded(bytes, buffer);
  else if (bytes[0] === FAILED) failed(json(bytes.subarray(1)));
}

function json(bytes) {
  return JSON.parse(read.decode(bytes));
}

function changed(ids) {
  for (const watcher of [...watchers]) {
    const mine = ids.filter((id) => watcher.ids.has(id));
    if (mine.length) watcher.told(mine);
  }
}

function decoded(bytes, buffer) {
  const size = bytes[1] + 256 * bytes[2];
  const header = json(bytes.subarray(3, 3 + size));
  settle(header.request, (entry) => entry.resolve({ header, data: buffer.slice(3 + size) }));
}

function failed({ request, error }) {
  if (request !== null) settle(request, (entry) => entry.reject(new Error(error)));
}

/** An answer ends the wait of its request, and of older ones: the server passed those over. */
function settle(request, end) {
  for (const [number, entry] of [...pending]) {
    if (number > request) continue;
    pending.delete(number);
    if (number === request) end(entry);
    else entry.resolve(null);
  }
}
