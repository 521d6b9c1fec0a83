// How far a generation is: folds the service's events into what the page shows. Every clock reading is handed in.

import { formatNumber, t } from "./i18n.js";

const PHASES = {
  loading: "Loading the model",
  generating: "Composing",
  diffusing: "Refining with MultiBand Diffusion",
  decoding: "Turning tokens into sound",
};
/** Below this share an estimate made from the time so far says nothing. */
const MIN_PERCENT_TO_ESTIMATE = 2;
/** The service repeats its last event about each second; a silence this long is worth telling. */
const SILENCE_S = 15;

/** Follows one attempt. Times are seconds of any monotonic clock. */
export class Progress {
  constructor(nowS) {
    this.startS = nowS;
    this.heardS = nowS;
    this.event = { status: "asked" };
    this.remaining = null;
  }

  /** Takes the next event. */
  update(event, nowS) {
    const repeated = event.remaining_s === this.event.remaining_s && event.progress === this.event.progress;
    if (!repeated) this.remaining = this.#estimate(event, nowS);
    this.event = { ...event, phase: event.phase ?? this.event.phase };
    this.heardS = nowS;
  }

  /** Seconds left and when that was said, or null. The service's own word counts; else the pace so far. */
  #estimate(event, nowS) {
    if (typeof event.remaining_s === "number") return { seconds: event.remaining_s, atS: nowS };
    if (event.remaining_s === null || !(event.progress >= MIN_PERCENT_TO_ESTIMATE)) return null;
    return { seconds: (this.#elapsed(nowS) * (100 - event.progress)) / event.progress, atS: nowS };
  }

  #elapsed(nowS) {
    return Math.max(nowS - this.startS, this.event.elapsed_s ?? 0);
  }

  /**
   * What to show now.
   * @returns {{percent: number | null, title: string, detail: string, elapsedS: number, remainingS: number | null}}
   * `percent` is null while there is nothing to count
   */
  view(nowS) {
    const left = this.remaining && Math.max(0, this.remaining.seconds - (nowS - this.remaining.atS));
    const silenceS = Math.floor(nowS - this.heardS);
    const view = { ...describe(this.event), elapsedS: this.#elapsed(nowS), remainingS: left };
    return silenceS >= SILENCE_S ? { ...view, detail: t("Nothing heard from the service for {value} s", { value: silenceS }) } : view;
  }
}

/** The event alone: its percentage, a title and a detail. */
function describe({ status, phase, progress, ...event }) {
  if (status === "asked") return { percent: null, title: t("Asking the service"), detail: "" };
  if (status === "queued") {
    return { percent: null, title: t("Waiting in line"), detail: t("Place {position}", { position: event.position }) };
  }
  if (status === "loading") return describeDownload(event);
  const preparing = !(progress > 0) && (phase === undefined || phase === "loading");
  const title = t(phase === undefined ? "Starting" : (PHASES[phase] ?? PHASES.generating));
  return { percent: preparing ? null : progress, title, detail: "" };
}

function describeDownload({ model, bytes_done: done, bytes_total: total }) {
  const title = t("Downloading the model");
  if (!(total > 0)) return { percent: null, title, detail: model };
  const detail = t("{model}: {done} of {total}", { model, done: formatBytes(done), total: formatBytes(total) });
  return { percent: (100 * done) / total, title, detail };
}

/** 75 -> "1:15", 3675 -> "1:01:15". */
export function formatTime(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const pad = (value) => String(value).padStart(2, "0");
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(rest)}` : `${minutes}:${pad(rest)}`;
}

/** 1234567 -> "1.2 MB", in powers of ten as disks and networks count. */
export function formatBytes(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return `${formatNumber(bytes / 1000 ** power, power === 0 ? 0 : 1)} ${t(units[power])}`;
}
