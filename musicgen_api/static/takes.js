// The takes of a piece beside each other. Arrow keys move between them, as between radio buttons.

import { t } from "./i18n.js";
import { drawBars } from "./waveform.js";

export class Takes {
  /**
   * @param {HTMLElement} list a radio group
   * @param {(index: number) => void} onChoose
   */
  constructor(list, onChoose) {
    this.list = list;
    this.onChoose = onChoose;
    this.rows = [];
    new ResizeObserver(() => this.#draw()).observe(list);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
    list.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** Shows these takes; a single one needs no list. */
  show(takes) {
    this.takes = takes;
    this.rows = takes.length < 2 ? [] : takes.map((take, index) => this.#row(take, index));
    this.list.replaceChildren(...this.rows);
    this.choose(0);
  }

  #row({ seed }, index) {
    const row = document.createElement("button");
    row.type = "button";
    row.setAttribute("role", "radio");
    row.setAttribute("aria-label", t("Take {number}, seed {seed}", { number: index + 1, seed: String(seed) }));
    const [number, seedText] = [document.createElement("b"), document.createElement("span")];
    number.textContent = String(index + 1);
    seedText.textContent = String(seed);
    const canvas = document.createElement("canvas");
    row.append(number, canvas, seedText);
    row.addEventListener("click", () => this.onChoose(index));
    return row;
  }

  /** Marks a take as the one that plays. */
  choose(chosen) {
    this.chosen = chosen;
    this.rows.forEach((row, index) => {
      row.setAttribute("aria-checked", String(index === chosen));
      row.tabIndex = index === chosen ? 0 : -1;
    });
    this.#draw();
  }

  #draw() {
    this.rows.forEach((row, index) => {
      drawBars(row.querySelector("canvas"), this.takes[index].levels, { played: index === this.chosen ? 1 : 0 });
    });
  }

  #onKey(event) {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    this.onChoose((this.chosen + step + this.rows.length) % this.rows.length);
    this.rows[this.chosen].focus();
  }
}
