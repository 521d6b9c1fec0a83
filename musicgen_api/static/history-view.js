// The list of what this browser made. If the browser lets the page keep nothing, it says so.

import * as history from "./history.js";
import { formatDate, inEveryLanguage, t } from "./i18n.js";
import { formatTime } from "./progress.js";
import { drawBars } from "./waveform.js";

export class HistoryView {
  /**
   * @param {HTMLElement} element
   * @param {(piece: object) => void} onOpen
   */
  constructor(element, onOpen) {
    this.element = element;
    this.onOpen = onOpen;
    this.list = element.querySelector("ol");
    this.note = element.querySelector("[role=status]");
    this.pieces = [];
    element.querySelector("#empty-history").addEventListener("click", () => this.#empty());
    new ResizeObserver(() => this.#draw()).observe(this.list);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
    inEveryLanguage(() => this.#render());
    this.#refresh();
  }

  /** Keeps a piece that was just made. */
  async add(piece) {
    try {
      const removed = await history.keep(piece);
      this.#say(removed === 0 ? "" : t("The browser's room is used up: {count} of the oldest pieces had to go.", { count: removed }));
    } catch (error) {
      const full = error?.name === "QuotaExceededError";
      this.#say(full ? t("The browser has no room for this piece.") : t("This browser lets the page keep nothing."));
    }
    await this.#refresh();
  }

  async #refresh() {
    try {
      this.pieces = await history.list();
    } catch {
      this.pieces = []; // No storage; `add` says so where it matters.
    }
    this.#render();
  }

  #render() {
    this.element.hidden = this.pieces.length === 0 && this.note.textContent === "";
    this.element.querySelector("#empty-history").hidden = this.pieces.length === 0;
    this.list.replaceChildren(...this.pieces.map((piece) => this.#row(piece)));
    this.#draw();
  }

  #row(piece) {
    const made = formatDate(new Date(piece.madeAt));
    const takes = piece.takes.length > 1 ? [t("{count} takes", { count: piece.takes.length })] : [];
    const open = document.createElement("button");
    open.type = "button";
    open.className = "open";
    const [title, facts] = [document.createElement("b"), document.createElement("span")];
    title.textContent = piece.prompt;
    title.dir = "auto";
    facts.textContent = [made, formatTime(piece.durationS), ...takes, t(piece.modelTitle)].join(" · ");
    open.append(title, document.createElement("canvas"), facts);
    open.addEventListener("click", async () => this.onOpen(await history.load(piece)));
    const forget = document.createElement("button");
    forget.type = "button";
    forget.className = "quiet";
    forget.textContent = t("Forget");
    forget.setAttribute("aria-label", t("Forget “{prompt}”, {made}", { prompt: piece.prompt, made }));
    forget.addEventListener("click", () => this.#forget(piece));
    const row = document.createElement("li");
    row.append(open, forget);
    return row;
  }

  #draw() {
    [...this.list.children].forEach((row, index) => {
      drawBars(row.querySelector("canvas"), this.pieces[index].takes[0].levels);
    });
  }

  async #forget(piece) {
    const index = this.pieces.indexOf(piece);
    await history.remove(piece.id);
    await this.#refresh();
    const next = this.list.children[Math.min(index, this.list.children.length - 1)];
    next?.querySelector(".quiet").focus();
  }

  async #empty() {
    await history.clear();
    this.#say(t("This browser has forgotten all pieces."));
    await this.#refresh();
    this.element.querySelector("h2").focus();
  }

  #say(text) {
    this.note.textContent = text;
  }
}
