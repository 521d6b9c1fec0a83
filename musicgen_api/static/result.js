// The result: picture, player, download and what it was made from. One blob at a time: the old one's URL is revoked.

import { decodeBase64 } from "./api.js";
import { formatTime } from "./progress.js";
import { Waveform } from "./waveform.js";
import { readWav } from "./wav.js";

const MAX_NAME_CHARS = 48;

/** Labels of the parameters, in the order in which they are listed. */
const LABELS = {
  top_k: "Top-k",
  top_p: "Top-p",
  temperature: "Temperature",
  cfg_coef: "Guidance",
  mbd: "MultiBand Diffusion",
};

export class Result {
  /** @param {HTMLElement} card the section that holds it all */
  constructor(card) {
    this.card = card;
    this.find = (id) => card.querySelector(`#${id}`);
    this.audio = this.find("player");
    this.waveform = new Waveform(this.find("waveform"), this.audio);
    this.url = "";
  }

  /**
   * Shows a finished piece in place of the one before.
   * @param {object} completed the service's last event
   * @param {{settings: object, query: string, modelTitle: string}} made the request that led to it, the query of a
   * link that repeats it, and its model's name for people
   * @throws if the audio cannot be read
   */
  show(completed, { settings, query, modelTitle }) {
    const bytes = decodeBase64(completed.audio_data);
    const wav = readWav(bytes);
    this.#load(new Blob([bytes], { type: "audio/wav" }), fileName(settings.description, completed.seed));
    this.find("result-prompt").textContent = settings.description;
    this.find("seed-used").textContent = String(completed.seed);
    this.#list(listParameters(wav, settings, modelTitle));
    this.find("permalink").href = `#${query}`;
    this.card.hidden = false;
    this.waveform.show(wav.samples);
  }

  #load(blob, name) {
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = URL.createObjectURL(blob);
    this.audio.src = this.url;
    this.find("download").href = this.url;
    this.find("download").download = name;
  }

  #list(parameters) {
    const rows = parameters.map(([label, value]) => {
      const row = document.createElement("div");
      row.append(element("dt", label), element("dd", value));
      return row;
    });
    this.find("parameters").replaceChildren(...rows);
  }
}

function listParameters({ sampleRateHz, channels, samples }, settings, modelTitle) {
  const seconds = samples.length / channels / sampleRateHz;
  const sound = `${sampleRateHz / 1000} kHz, ${channels === 1 ? "mono" : "stereo"}`;
  const shown = Object.entries(LABELS).map(([name, label]) => [label, formatValue(settings[name])]);
  return [["Model", modelTitle], ["Length", formatTime(seconds)], ["Sound", sound], ...shown];
}

const formatValue = (value) => (typeof value === "boolean" ? (value ? "on" : "off") : String(value));

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

/** "Calm piano, slow" with seed 7 -> "calm-piano-slow-7.wav". Letters and digits of every script stay. */
export function fileName(description, seed) {
  const words = description.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? ["music"];
  const name = [...words.join("-")].slice(0, MAX_NAME_CHARS).join("").replace(/-+$/, "");
  return `${name}-${seed}.wav`;
}
