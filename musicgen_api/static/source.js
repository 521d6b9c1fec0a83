// The sound that a piece begins with, if any: a file, a recording or a part of a piece before; to go on from, or as the
// tune to follow.

import { inEveryLanguage, t } from "./i18n.js";
import { Part } from "./part.js";
import { formatTime } from "./progress.js";
import { canRecord, record } from "./recorder.js";
import { describeSound } from "./sound.js";
import { Waveform } from "./waveform.js";

const MAX_RECORDING_S = 60;
/** The API's fields that the sound fills, and at which it may be refused. */
export const SOURCE_FIELDS = ["continuation", "continuation_start", "continuation_end", "melody"];

export class Source {
  /**
   * @param {HTMLElement} element
   * @param {{onFile: (file: File) => void}} handlers `onFile` gets what the person chooses or records
   */
  constructor(element, { onFile }) {
    this.element = element;
    this.find = (name) => element.querySelector(`[data-source=${name}]`);
    this.sound = null;
    this.canFollow = null;
    this.recording = null;
    this.part = new Part(this.find("part"), () => this.#update());
    this.waveform = new Waveform(this.find("waveform"), { onChoose: (part) => this.part.choose(part) });
    this.player = this.find("player");
    this.find("record").hidden = !canRecord();
    this.find("choose").addEventListener("click", () => this.find("file").click());
    this.find("file").addEventListener("change", ({ target }) => {
      if (target.files.length > 0) onFile(target.files[0]);
      target.value = "";
    });
    this.find("record").addEventListener("click", () => this.#record(onFile));
    this.find("stop").addEventListener("click", () => this.recording?.stop());
    this.find("remove").addEventListener("click", () => this.#remove());
    element.addEventListener("change", () => this.#update());
    inEveryLanguage(() => this.#update());
  }

  /**
   * Takes a sound.
   * @param {Blob} file
   * @param {{name: string, use: "continuation" | "melody", part?: {from: number, to: number}}} what `part` is what is
   * kept, all of it if left out
   * @throws if this browser cannot decode it
   */
  async take(file, { name, use, part = null }) {
    const { durationS, levels } = await describeSound(file);
    this.sound = { file, name, durationS };
    this.element.querySelector(`[value=${use}]`).checked = true;
    if (this.player.src) URL.revokeObjectURL(this.player.src);
    this.player.src = URL.createObjectURL(file);
    this.#show("chosen");
    this.waveform.show(levels, durationS);
    this.part.reset(durationS);
    this.part.choose(part);
    this.showError("");
  }

  /** What the sound is used for, or null if there is none. */
  get use() {
    return this.sound && this.element.querySelector("[type=radio]:checked").value;
  }

  /** Whether the model that is chosen can follow a tune; null: nobody knows before it is loaded. */
  set modelCanFollow(can) {
    this.canFollow = can;
    this.#update();
  }

  /** What the request says of it: fields for its JSON, and files. */
  read() {
    if (!this.sound) return { fields: {}, uploads: {} };
    const uploads = { [this.use]: this.sound.file };
    if (this.use === "melody" || !this.part.value) return { fields: {}, uploads };
    const { from, to } = this.part.value;
    return { fields: { continuation_start: from, continuation_end: to }, uploads };
  }

  /** @param {string} text "" takes the error away */
  showError(text) {
    this.find("error").textContent = text;
    this.find("error").hidden = text === "";
  }

  async #record(onFile) {
    this.showError("");
    try {
      this.recording = await record(MAX_RECORDING_S);
    } catch (error) {
      const missing = error.name === "NotFoundError";
      return this.showError(missing ? t("There is no microphone.") : t("The browser does not allow the microphone."));
    }
    const begin = performance.now();
    const tick = () => (this.find("clock").textContent = formatTime((performance.now() - begin) / 1000));
    const ticking = setInterval(tick, 250);
    tick();
    this.#show("recording");
    this.find("stop").focus();
    const file = await this.recording.done;
    clearInterval(ticking);
    this.recording = null;
    this.#show(this.sound ? "chosen" : "empty");
    onFile(new File([file], t("Recording"), { type: file.type }));
  }

  #remove() {
    this.clear();
    this.find("choose").focus();
  }

  /** Forgets the sound. */
  clear() {
    this.sound = null;
    this.player.pause();
    this.#show("empty");
    this.showError("");
  }

  #show(state) {
    for (const name of ["empty", "recording", "chosen"]) this.find(name).hidden = name !== state;
  }

  #update() {
    if (!this.sound) return;
    const { name, durationS } = this.sound;
    this.find("name").textContent = `${name} · ${formatTime(durationS)}`;
    this.waveform.update({ part: this.part.value });
    this.find("part").hidden = this.use === "melody";
    this.find("cannot-follow").hidden = this.use !== "melody" || this.canFollow !== false;
  }
}
