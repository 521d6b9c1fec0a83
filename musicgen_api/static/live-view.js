// What is heard of a piece while it is made: its waveform as it grows, and a button that holds the sound.

import { t, inEveryLanguage } from "./i18n.js";
import { drawBars } from "./waveform.js";
import { findPeaks } from "./wav.js";

/** The picture's steps in each second of music. */
const STEPS_PER_S = 20;

export class LiveView {
  /** @param {HTMLElement} element holds a canvas and a button */
  constructor(element) {
    this.element = element;
    this.canvas = element.querySelector("canvas");
    this.button = element.querySelector("button");
    this.button.addEventListener("click", () => this.player?.toggle().then(() => this.#label()));
    inEveryLanguage(() => this.#label());
  }

  /**
   * Begins with a new piece. Nothing shows before its first sound.
   * @param {import("./live.js").LivePlayer} player
   */
  open(player, durationS) {
    this.player = player;
    this.levels = new Float32Array(Math.ceil(durationS * STEPS_PER_S));
    this.filled = 0;
    this.durationS = durationS;
  }

  /** Takes the next part, as `LivePlayer.add` does. */
  add(samples, channels, sampleRateHz) {
    if (this.element.hidden) this.#show();
    const steps = Math.round((samples.length / channels / sampleRateHz) * STEPS_PER_S);
    const room = this.levels.length - this.filled;
    this.levels.set(findPeaks(samples, steps).subarray(0, room), this.filled);
    this.filled = Math.min(this.levels.length, this.filled + steps);
  }

  #show() {
    this.element.hidden = false;
    this.#label();
    this.#animate();
  }

  #animate() {
    if (this.element.hidden) return;
    drawBars(this.canvas, this.levels, { played: this.player.positionS / this.durationS });
    requestAnimationFrame(() => this.#animate());
  }

  #label() {
    this.button.textContent = this.player?.paused ? t("Go on playing") : t("Pause the sound");
  }

  /** Takes it all away. */
  close() {
    this.element.hidden = true;
    this.player = null;
  }
}
