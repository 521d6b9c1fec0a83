// The picture of a piece of music: one bar per few pixels, what was played in the accent's colour. A click seeks.
// The player beside it does the same for keyboards and screen readers, so the canvas is hidden from them.

import { findPeaks } from "./wav.js";

const BAR_PX = 3;
const GAP_PX = 2;

export class Waveform {
  /**
   * @param {HTMLCanvasElement} canvas takes its size and the colours `--bar` and `--bar-played` from the style sheet
   * @param {HTMLAudioElement} audio
   */
  constructor(canvas, audio) {
    this.canvas = canvas;
    this.audio = audio;
    this.samples = new Int16Array();
    this.peaks = new Float32Array();
    new ResizeObserver(() => this.#measure()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
    for (const name of ["timeupdate", "seeked", "ended"]) audio.addEventListener(name, () => this.#draw());
    audio.addEventListener("play", () => this.#animate());
    canvas.addEventListener("click", (event) => this.#seek(event.offsetX / canvas.clientWidth));
  }

  /** Shows these samples, see wav.js. */
  show(samples) {
    this.samples = samples;
    this.#measure();
  }

  #measure() {
    const columns = Math.floor((this.canvas.clientWidth + GAP_PX) / (BAR_PX + GAP_PX));
    if (columns <= 0) return;
    this.canvas.width = this.canvas.clientWidth * devicePixelRatio;
    this.canvas.height = this.canvas.clientHeight * devicePixelRatio;
    this.peaks = findPeaks(this.samples, columns);
    this.#draw();
  }

  #animate() {
    this.#draw();
    if (!this.audio.paused) requestAnimationFrame(() => this.#animate());
  }

  #draw() {
    const { canvas, peaks, audio } = this;
    const style = getComputedStyle(canvas);
    const [played, ahead] = [style.getPropertyValue("--bar-played"), style.getPropertyValue("--bar")];
    const context = canvas.getContext("2d");
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    const position = audio.duration > 0 ? audio.currentTime / audio.duration : 0;
    peaks.forEach((peak, index) => {
      const height = Math.max(BAR_PX, peak * canvas.clientHeight);
      context.fillStyle = (index + 0.5) / peaks.length <= position ? played : ahead;
      context.fillRect(index * (BAR_PX + GAP_PX), (canvas.clientHeight - height) / 2, BAR_PX, height);
    });
  }

  #seek(share) {
    if (this.audio.duration > 0) this.audio.currentTime = share * this.audio.duration;
  }
}
