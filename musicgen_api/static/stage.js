// What happens to the running request: progress, waiting, errors, and a few words for screen readers.

import { t } from "./i18n.js";
import { formatTime } from "./progress.js";

/** How often progress is spoken, in seconds; a change of phase is spoken at once. */
const SPEAK_EVERY_S = 15;

export class Stage {
  /** @param {HTMLElement} element the section that holds it all */
  constructor(element) {
    this.find = (id) => element.querySelector(`#${id}`);
    this.title = document.title;
    this.spoken = { title: "", atS: 0 };
  }

  /** Shows the running card, with nothing known yet. */
  open() {
    this.find("placeholder").hidden = true;
    this.find("run").hidden = false;
    this.spoken = { title: "", atS: 0 };
    this.alert("");
    this.find("run").scrollIntoView({ block: "nearest" });
  }

  /** Hides the running card. */
  close() {
    this.find("run").hidden = true;
    this.find("placeholder").hidden = !this.find("result").hidden;
    document.title = this.title;
  }

  /**
   * Shows how far it is.
   * @param {object} view see progress.js
   * @param {number} nowS
   */
  showProgress(view, nowS) {
    const percent = view.percent === null ? "" : t("{percent} %", { percent: Math.floor(view.percent) });
    this.#set({ title: view.title, figure: percent, detail: view.detail });
    this.#showParts(true);
    if (view.percent === null) this.find("bar").removeAttribute("value");
    else this.find("bar").value = view.percent;
    this.find("elapsed").textContent = formatTime(view.elapsedS);
    this.find("remaining").textContent = view.remainingS === null ? "–" : formatTime(view.remainingS);
    document.title = `${percent || view.title} · ${this.title}`;
    this.#speakProgress(view, percent, nowS);
  }

  /**
   * Shows that the service is busy and when the next attempt is due.
   * @param {string} reason a sentence
   */
  showBusy(reason, secondsLeft, attempt) {
    const title = t("The service is busy");
    const again = t("This page tries again by itself.");
    const tries = attempt > 1 ? t("{count} tries so far.", { count: attempt }) : "";
    const detail = [reason, again, tries].filter(Boolean).join(" ");
    if (this.spoken.title !== title) this.say(`${title}. ${detail}`);
    this.spoken = { title, atS: 0 };
    this.#set({ title, figure: t("{value} s", { value: secondsLeft }), detail });
    this.#showParts(false);
    document.title = `${t("Busy")} · ${this.title}`;
  }

  #showParts(running) {
    this.find("bar").hidden = !running;
    this.find("clock").hidden = !running;
    this.find("try-now").hidden = running;
  }

  #set({ title, figure, detail }) {
    this.find("run-title").textContent = title;
    this.find("figure").textContent = figure;
    this.find("run-detail").textContent = detail;
  }

  #speakProgress({ title, remainingS }, percent, nowS) {
    if (title === this.spoken.title && nowS - this.spoken.atS < SPEAK_EVERY_S) return;
    const left = remainingS === null ? "" : t("{time} remaining", { time: formatTime(remainingS) });
    this.say([`${title} ${percent}`.trim(), left].filter(Boolean).join(", "));
    this.spoken = { title, atS: nowS };
  }

  /** Says something to screen readers, when they have time. */
  say(text) {
    this.find("announcer").textContent = text;
  }

  /** Shows an error that belongs to no field, or none. */
  alert(text) {
    this.find("alert").textContent = text;
    this.find("alert").hidden = text === "";
    if (text) this.find("alert").scrollIntoView({ block: "nearest" });
  }
}
