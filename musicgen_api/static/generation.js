// One generation from the wish to the music: asks, waits while the service is busy, asks again.
//
// Knows neither the page nor the network: both are handed in.

import { BusyError } from "./api.js";

/**
 * @param {object} parts
 * @param {() => AsyncIterable<object>} parts.request starts one attempt and yields its events
 * @param {(event: object) => void} parts.onEvent every event but the last
 * @param {(busy: BusyError, attempt: number) => Promise<void>} parts.onBusy resolves when it is time to try again
 * @returns {Promise<object>} the `completed` event
 * @throws whatever `request` throws, except BusyError, and whatever `onBusy` throws
 */
export async function generate({ request, onEvent, onBusy }) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      for await (const event of request()) {
        if (event.status === "completed") return event;
        onEvent(event);
      }
      throw new Error("A request ended with neither a completed event nor an error.");
    } catch (error) {
      if (!(error instanceof BusyError)) throw error;
      await onBusy(error, attempt);
    }
  }
}

/**
 * Counts down in whole seconds and resolves at zero, or at once when `hurry` is called.
 * @param {number} seconds
 * @param {AbortSignal} signal rejects with its reason
 * @param {(secondsLeft: number) => void} onTick called at once and then about each second
 * @returns {{done: Promise<void>, hurry: () => void}}
 */
export function countDown(seconds, signal, onTick) {
  const deadline = performance.now() + seconds * 1000;
  let hurry;
  const done = new Promise((resolve, reject) => {
    const tick = () => {
      const left = Math.ceil((deadline - performance.now()) / 1000);
      if (left <= 0) finish(resolve);
      else onTick(left);
    };
    const timer = setInterval(tick, 250);
    const abort = () => finish(() => reject(signal.reason));
    const finish = (settle) => {
      clearInterval(timer);
      signal.removeEventListener("abort", abort);
      settle();
    };
    hurry = () => finish(resolve);
    signal.addEventListener("abort", abort);
    if (signal.aborted) abort();
    else tick();
  });
  return { done, hurry };
}
