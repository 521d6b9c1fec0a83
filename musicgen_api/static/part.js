// The chosen part of a piece: on the waveform and in two number fields, which say the same.

/** Parts are as exact as the fields' steps. */
const STEP_S = 0.1;
const LEAST_S = 0.5;

export class Part {
  /**
   * @param {HTMLElement} element holds the fields `from` and `to` and a button that clears
   * @param {() => void} onChange
   */
  constructor(element, onChange) {
    this.element = element;
    this.onChange = onChange;
    [this.from, this.to] = element.querySelectorAll("input");
    this.clearButton = element.querySelector("button");
    element.addEventListener("change", () => this.#read());
    this.clearButton.addEventListener("click", () => {
      this.choose(null);
      this.from.focus();
    });
    this.reset(0);
  }

  /** Begins with another piece, nothing chosen. */
  reset(durationS) {
    this.durationS = durationS;
    for (const input of [this.from, this.to]) input.max = String(round(durationS));
    this.value = null;
    this.#write();
  }

  /** @param {{from: number, to: number} | null} part in seconds; what is too short is no part */
  choose(part) {
    const [from, to] = part ? [round(Math.max(0, part.from)), round(Math.min(this.durationS, part.to))] : [0, 0];
    this.value = to - from >= LEAST_S ? { from, to } : null;
    this.#write();
    this.onChange();
  }

  #read() {
    const [from, to] = [this.from, this.to].map((input) => (input.value === "" ? null : input.valueAsNumber));
    if (from === null && to === null) return this.choose(null);
    return this.choose({ from: from ?? 0, to: to ?? this.durationS });
  }

  /** What is at the very beginning or end stays empty: one field must not change while the other is filled. */
  #write() {
    const { from, to } = this.value ?? { from: 0, to: this.durationS };
    this.from.value = from > 0 ? String(from) : "";
    this.to.value = to < round(this.durationS) ? String(to) : "";
    this.clearButton.hidden = this.value === null;
  }
}

const round = (seconds) => Math.round(seconds / STEP_S) / Math.round(1 / STEP_S);
