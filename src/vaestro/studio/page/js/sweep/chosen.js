// Which trial the person looks at, shared by every figure of the screen.

/** {number, choose(number), on(told)}: `told(number | null)` hears of every change. */
export function chosen() {
  const listeners = new Set();
  const state = {
    number: null,
    choose(number) {
      if (number === state.number) return;
      state.number = number;
      for (const told of listeners) told(number);
    },
    on(told) {
      listeners.add(told);
      return () => listeners.delete(told);
    },
  };
  return state;
}

/** The address of a trial's run, null where it was never trained. */
export function addressOf(trial) {
  return trial?.run ? `#/run/${encodeURIComponent(trial.run)}` : null;
}

/** Look at a trial's run. */
export function open(trial) {
  const address = addressOf(trial);
  if (address) location.hash = address.slice(1);
}
