// Asks for pictures one at a time: while an answer is on its way, only the newest request of each
// kind waits, so a slider is never behind the hand that moves it.

import { decode } from "../live.js";

const PAUSE = 500;  // milliseconds before what was lost is asked again

export class Decoder {
  constructor(run) {
    this.run = run;
    this.waiting = new Map();
    this.busy = false;
    this.ended = false;
  }

  // Decode `latents` (Float32Array, one sample after the other) as a request of `kind`; `done`
  // gets {shape, low, high, milliseconds, wait, numbers}, `failed` one line.
  ask(kind, latents, told, done, failed) {
    this.waiting.delete(kind);
    this.waiting.set(kind, { latents, told, done, failed });
    if (!this.busy) this.next();
  }

  async next() {
    const [kind, request] = this.waiting.entries().next().value ?? [];
    this.busy = request !== undefined;
    if (!this.busy) return;
    this.waiting.delete(kind);
    const began = performance.now();
    try {
      const answer = await decode({ run: this.run, ...request.told }, request.latents);
      if (answer === null) await this.again(kind, request);
      if (answer !== null && !this.ended) request.done(frameOf(answer, performance.now() - began));
    } catch (fault) {
      if (!this.ended) request.failed(fault.message);
    }
    if (!this.ended) this.next();
  }

  // The line went down: once more in a while, unless something newer waits by then.
  async again(kind, request) {
    await new Promise((go) => setTimeout(go, PAUSE));
    if (!this.waiting.has(kind) && !this.ended) this.waiting.set(kind, request);
  }

  // Nothing is drawn any more.
  end() {
    this.ended = true;
    this.waiting.clear();
  }
}

// An answer with its numbers: bytes of pixels, or floats.
function frameOf({ header, data }, wait) {
  const bytes = header.form === "image" || header.form === "volume";
  return { ...header, wait, numbers: bytes ? new Uint8Array(data) : new Float32Array(data) };
}
