// A screen that follows what it shows: read again when it changes, one reading at a time.

import { watch } from "./live.js";
import { toast } from "./toast.js";

/** Watch `ids` from now on. `begin(refresh)` calls `refresh()` at every change, also for one that
 * came before; `stop()` ends it. */
export function following(ids) {
  let refresh = null, busy = false, due = false;
  async function work() {
    if (busy || refresh === null) { due = true; return; }
    busy = true;
    try {
      do {
        due = false;
        await refresh();
      } while (due);
    } catch (fault) {
      toast(fault.message);
    } finally {
      busy = false;
    }
  }
  const stop = watch(ids, work);
  return { stop, begin(how) { refresh = how; if (due) work(); } };
}

/** What `show(follow)` returns; nothing is followed any longer when it throws. */
export async function followed(ids, show) {
  const follow = following(ids);
  try {
    return await show(follow);
  } catch (fault) {
    follow.stop();
    throw fault;
  }
}
