// What can be done with a piece: which seconds of it are kept, and how long the new piece is. Pure.

/** The service keeps at least this much, and makes at least this much. */
const LEAST_S = 1;
/** "Go on" makes as much as there is, but at most one window of the model. */
const MOST_ADDED_S = 30;
/** A loop keeps all but its end, which is made anew so that it runs into the beginning. */
const LOOP_END_S = 2;

/**
 * The three plans for a piece; null where there is nothing to do.
 * @param {{durationS: number, part: {from: number, to: number} | null, positionS: number, maxDurationS: number}} piece
 * `part` is the chosen part; without one, "here" is where it plays
 * @returns {Record<"again" | "onward" | "loop", {from: number, to: number, duration: number} | null>}
 */
export function planActions({ durationS, part, positionS, maxDurationS }) {
  const inside = positionS >= LEAST_S && positionS <= durationS - LEAST_S;
  const from = part?.from ?? 0;
  const here = part?.to ?? (inside ? positionS : null);
  const plan = (to, duration) => {
    const possible = to - from >= LEAST_S && duration - (to - from) >= LEAST_S && duration <= maxDurationS;
    return possible ? { from: cut(from), to: cut(to), duration } : null;
  };
  const kept = (here ?? durationS) - from;
  const added = Math.min(MOST_ADDED_S, Math.max(10, Math.round(durationS)));
  const looped = Math.floor((part?.to ?? durationS) - from + 0.05);
  return {
    again: here === null ? null : plan(here, Math.round(durationS - from)),
    onward: plan(here ?? durationS, Math.min(maxDurationS, Math.ceil(kept + added))),
    loop: plan(from + looped - Math.min(LOOP_END_S, looped / 2), looped),
  };
}

const cut = (seconds) => Math.round(seconds * 100) / 100;
