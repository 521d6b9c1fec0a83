// The running generation: asks the service, keeps the stage up to date, plays the music while it is made. At most one
// runs at a time; whatever a cancelled one still says is ignored.

import { createMusic } from "./api.js";
import { decodeBase64 } from "./base64.js";
import { countDown, generate } from "./generation.js";
import { t } from "./i18n.js";
import { LivePlayer } from "./live.js";
import { Progress } from "./progress.js";

const TICK_MS = 250;
const WHY_BUSY = "It makes one piece of music at a time, and is at work on another or still starting.";

const nowS = () => performance.now() / 1000;

export class Jobs {
  /**
   * @param {string} url of POST /api/music
   * @param {import("./stage.js").Stage} stage
   * @param {import("./live-view.js").LiveView} liveView
   */
  constructor(url, stage, liveView) {
    this.url = url;
    this.stage = stage;
    this.liveView = liveView;
    this.controller = null;
    this.player = null;
    this.hurry = () => {};
  }

  get running() {
    return this.controller !== null;
  }

  /**
   * Runs one generation to its end. Call it while the browser handles a click or a key, so that it may make sounds.
   * @param {object} settings the request's JSON
   * @param {Record<string, Blob>} uploads
   * @param {number} durationS of the piece
   * @returns {Promise<object | null>} the `completed` event; null if it was cancelled
   * @throws {Error} see api.js
   */
  async run(settings, uploads, durationS) {
    const controller = new AbortController();
    this.controller = controller;
    this.player = settings.live ? new LivePlayer() : null;
    if (this.player) this.liveView.open(this.player, durationS);
    try {
      const completed = await this.#follow(settings, uploads, controller);
      return this.controller === controller ? completed : null;
    } catch (error) {
      if (this.controller === controller) throw error;
      return null;
    }
  }

  /** Runs one generation to its `completed` event. */
  async #follow(settings, uploads, controller) {
    let progress = new Progress(nowS());
    const mine = () => this.controller === controller;
    const show = () => mine() && progress && this.stage.showProgress(progress.view(nowS()), nowS());
    const ticking = setInterval(show, TICK_MS);
    show();
    try {
      return await generate({
        request: () => {
          progress = new Progress(nowS());
          return createMusic(this.url, settings, controller.signal, uploads);
        },
        onEvent: (event) => {
          if (!mine()) return;
          if (event.status === "audio") return this.#hear(event);
          progress.update(event, nowS());
          show();
        },
        onBusy: (busy, attempt) => {
          progress = null;
          return this.#waitWhileBusy(busy, attempt, controller.signal);
        },
      });
    } finally {
      clearInterval(ticking);
    }
  }

  #hear({ pcm, channels, sample_rate: sampleRateHz }) {
    if (!this.player) return;
    const samples = new Int16Array(decodeBase64(pcm).buffer);
    this.player.add(samples, channels, sampleRateHz);
    this.liveView.add(samples, channels, sampleRateHz);
  }

  #waitWhileBusy(busy, attempt, signal) {
    const reason = busy.code === "busy" ? t(WHY_BUSY) : busy.message;
    const waiting = countDown(busy.retryAfterS, signal, (left) => this.stage.showBusy(reason, left, attempt));
    this.hurry = waiting.hurry;
    return waiting.done;
  }

  /** The generation is over, or stops now: nothing more of it shows. @returns {LivePlayer | null} what still plays */
  end() {
    this.controller?.abort();
    this.controller = null;
    this.liveView.close();
    const player = this.player;
    this.player = null;
    return player;
  }
}
