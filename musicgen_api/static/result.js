// The piece on the stage: its takes, picture, player, the chosen part and what can be done with it, downloads, and what
// it was made from. One blob's URL at a time: the old one is revoked.

import { planActions } from "./actions.js";
import { formatNumber, inEveryLanguage, t } from "./i18n.js";
import { Part } from "./part.js";
import { fileName, FORMATS } from "./piece.js";
import { formatTime } from "./progress.js";
import { toQuery } from "./settings.js";
import { Takes } from "./takes.js";
import { Waveform } from "./waveform.js";

/** Labels of the parameters, in the order in which they are listed; an untold one is at its default. */
const LABELS = {
  top_k: "Top-k",
  top_p: "Top-p",
  temperature: "Temperature",
  cfg_coef: "Guidance",
  mbd: "MultiBand Diffusion",
  loudness: "Loudness",
  fade_in: "Fade in",
  fade_out: "Fade out",
  loop: "Loop",
};
/** What each action's button says: from the beginning, and from the middle. Values are times. */
const ACTIONS = {
  again: ["Keep up to {here}, try the rest again", "Keep {from} to {here}, try the rest again"],
  onward: ["Go on from {here} to {end}", "Keep {from} to {here} and go on, {end} in all"],
  loop: ["Make it a loop of {end}", "Make a loop of {end} from {from} on"],
};

export class Result {
  /**
   * @param {HTMLElement} card the section that holds it all
   * @param {{defaults: object, maxDurationS: number, onAction: (name: string, plan: object, file: Blob) => void,
   * onConvert: (file: Blob, format: string) => Promise<Blob>}} parts `defaults` are the form's
   */
  constructor(card, { defaults, maxDurationS, onAction, onConvert }) {
    Object.assign(this, { card, defaults, maxDurationS, onConvert });
    this.find = (id) => card.querySelector(`#${id}`);
    this.audio = this.find("player");
    this.takes = new Takes(this.find("takes-list"), (index) => this.choose(index));
    this.part = new Part(this.find("part"), () => this.#update());
    this.waveform = new Waveform(this.find("waveform"), {
      onSeek: (seconds) => (this.audio.currentTime = seconds),
      onChoose: (part) => this.part.choose(part),
    });
    this.url = "";
    this.piece = null;
    for (const name of ["timeupdate", "seeked", "ended"]) this.audio.addEventListener(name, () => this.#update());
    this.audio.addEventListener("play", () => this.#animate());
    for (const name of Object.keys(ACTIONS)) {
      this.find(`do-${name}`).addEventListener("click", () => onAction(name, this.plans[name], this.take.file));
    }
    this.find("download-format").addEventListener("change", () => this.#offerDownload());
    this.find("download").addEventListener("click", (event) => this.#download(event));
    inEveryLanguage(() => this.piece && this.#tell());
  }

  /** The take that plays. */
  get take() {
    return this.piece.takes[this.takes.chosen];
  }

  /** Shows a finished piece (piece.js) in place of the one before. */
  show(piece) {
    this.piece = piece;
    this.card.hidden = false;
    this.takes.show(piece.takes);
    this.find("takes-made").hidden = piece.takes.length < 2;
    this.part.reset(piece.durationS);
    this.#load(0, false);
    this.#tell();
  }

  /** Plays another take, from where the one before was. */
  choose(index) {
    if (!this.piece?.takes[index] || index === this.takes.chosen) return;
    const { currentTime, paused } = this.audio;
    this.takes.choose(index);
    this.#load(currentTime, !paused);
    this.#tell();
  }

  #load(positionS, play) {
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = URL.createObjectURL(this.take.file);
    this.audio.src = this.url;
    this.audio.loop = this.piece.settings.loop === true;
    if (positionS > 0) this.audio.currentTime = positionS;
    if (play) this.audio.play().catch(() => {}); // Another take was chosen before this one began.
    this.waveform.show(this.take.levels, this.piece.durationS);
    this.#update();
  }

  /** The words and links, in the page's language. */
  #tell() {
    const { prompt, readAs = "", warning = "", raw, linkable } = this.piece;
    this.find("result-prompt").textContent = prompt;
    this.find("read-as").hidden = readAs === "";
    this.find("read-as-text").textContent = readAs;
    this.find("result-warning").hidden = warning === "";
    this.find("result-warning").textContent = warning;
    this.find("seed-used").textContent = String(this.take.seed);
    this.find("parameters").replaceChildren(...listParameters(this.piece).map(([label, value]) => row(label, value)));
    this.find("permalink").href = `#${toQuery({ ...raw, takes: "1", seed: String(this.take.seed) }, this.defaults)}`;
    this.find("permalink").parentElement.hidden = !linkable;
    this.#offerDownload();
    this.#update();
  }

  #animate() {
    this.#update();
    if (!this.audio.paused) requestAnimationFrame(() => this.#animate());
  }

  /** What follows the position and the chosen part: the picture, and what the actions would do. */
  #update() {
    const part = this.part.value;
    this.waveform.update({ positionS: this.audio.currentTime, part });
    const { durationS } = this.piece;
    this.plans = planActions({ durationS, part, positionS: this.audio.currentTime, maxDurationS: this.maxDurationS });
    for (const [name, sentences] of Object.entries(ACTIONS)) {
      const plan = this.plans[name];
      const button = this.find(`do-${name}`);
      const text = plan ? describePlan(sentences, plan) : "";
      if (button.textContent !== text) button.textContent = text;
      button.hidden = plan === null;
    }
    this.find("how-to-keep").hidden = this.plans.again !== null;
  }

  #offerDownload() {
    const format = this.find("download-format").value;
    const link = this.find("download");
    link.textContent = t("Download {format}", { format: FORMATS[format] });
    link.download = fileName(this.piece.prompt, this.take.seed, format);
    link.href = this.url;
    this.find("download-error").hidden = true;
  }

  /** The file itself is a link; another format is asked of the service first. */
  async #download(event) {
    const format = this.find("download-format").value;
    const { file, format: own } = this.take;
    if (format === own) return;
    event.preventDefault();
    const link = this.find("download");
    link.setAttribute("aria-busy", "true");
    try {
      save(await this.onConvert(file, format), link.download);
    } catch (error) {
      this.find("download-error").textContent = error.message;
      this.find("download-error").hidden = false;
    }
    link.removeAttribute("aria-busy");
  }
}

function describePlan([whole, inside], { from, to, duration }) {
  const times = { from: formatTime(from), here: formatTime(to), end: formatTime(duration) };
  return t(from === 0 ? whole : inside, times);
}

function save(file, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function listParameters({ sampleRateHz, channels, durationS, settings, modelTitle }) {
  const rate = sampleRateHz === null ? "" : `${formatNumber(sampleRateHz / 1000, sampleRateHz % 1000 ? 1 : 0)} kHz, `;
  const sound = rate + (channels === 1 ? t("mono") : t("stereo"));
  const known = Object.entries(LABELS).filter(([name]) => settings[name] !== undefined);
  const shown = known.map(([name, label]) => [t(label), formatValue(name, settings[name])]);
  return [[t("Model"), t(modelTitle)], [t("Length"), formatTime(durationS)], [t("Sound"), sound], ...shown];
}

function formatValue(name, value) {
  if (typeof value === "boolean") return value ? t("on") : t("off");
  if (name === "loudness") return t("{value} LUFS", { value });
  return name.startsWith("fade") ? t("{value} s", { value }) : t("{value}", { value });
}

function row(label, value) {
  const made = document.createElement("div");
  made.append(element("dt", label), element("dd", value));
  return made;
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
