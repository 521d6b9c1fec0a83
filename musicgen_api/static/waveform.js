// The picture of a piece of music, one bar per few pixels. A click seeks; a drag chooses a part, whose edges can be moved.
// The player and the fields beside it do the same for keyboards and screen readers: the canvas is hidden from them.

import { reduceLevels } from "./wav.js";

const BAR_PX = 3;
const GAP_PX = 2;
/** A pointer that moves less than this has clicked. */
const CLICK_PX = 4;
/** So near to an edge, a pointer takes hold of it. */
const EDGE_PX = 10;
/** Quiet music shows, too: half as loud is more than half as high. */
const HEIGHT_EXPONENT = 0.7;

/**
 * Draws a waveform as large as the style sheet says, in its colours `--bar`, `--bar-played` and `--bar-chosen`.
 * @param {Float32Array} levels 0 to 1, at equal steps from beginning to end
 * @param {{played?: number, from?: number, to?: number}} shares 0 to 1: what was played, and the chosen part
 */
export function drawBars(canvas, levels, { played = 0, from = 0, to = 0 } = {}) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const columns = Math.floor((width + GAP_PX) / (BAR_PX + GAP_PX));
  if (columns <= 0) return;
  const [pixelsWide, pixelsHigh] = [Math.round(width * devicePixelRatio), Math.round(height * devicePixelRatio)];
  if (canvas.width !== pixelsWide) canvas.width = pixelsWide;
  if (canvas.height !== pixelsHigh) canvas.height = pixelsHigh;
  const style = getComputedStyle(canvas);
  const colour = (name) => style.getPropertyValue(name);
  const context = canvas.getContext("2d");
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  context.clearRect(0, 0, width, height);
  if (to > from) drawPart(context, colour, from * width, to * width, height);
  reduceLevels(levels, columns).forEach((level, index) => {
    const share = (index + 0.5) / columns;
    const bar = Math.max(BAR_PX, level ** HEIGHT_EXPONENT * height);
    const chosen = share >= from && share < to;
    context.fillStyle = colour(share <= played ? "--bar-played" : chosen ? "--bar-chosen" : "--bar");
    context.fillRect(index * (BAR_PX + GAP_PX), (height - bar) / 2, BAR_PX, bar);
  });
}

function drawPart(context, colour, left, right, height) {
  context.fillStyle = colour("--part");
  context.fillRect(left, 0, right - left, height);
  context.fillStyle = colour("--bar-chosen");
  for (const edge of [left, right - 2]) context.fillRect(edge, 0, 2, height);
}

export class Waveform {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {{onSeek?: (seconds: number) => void, onChoose?: (part: {from: number, to: number}) => void}} handlers
   */
  constructor(canvas, { onSeek = () => {}, onChoose = null }) {
    this.canvas = canvas;
    this.onSeek = onSeek;
    this.onChoose = onChoose;
    this.levels = new Float32Array();
    this.durationS = 0;
    this.positionS = 0;
    this.part = null;
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    canvas.addEventListener("pointerdown", (event) => event.button === 0 && this.#press(event));
  }

  /** Shows another piece. */
  show(levels, durationS) {
    Object.assign(this, { levels, durationS, positionS: 0, part: null });
    this.draw();
  }

  /** Shows changes of `positionS` (seconds) and `part` (seconds, or null). */
  update(changes) {
    Object.assign(this, changes);
    this.draw();
  }

  draw() {
    const share = (seconds) => (this.durationS > 0 ? seconds / this.durationS : 0);
    const part = this.part ? { from: share(this.part.from), to: share(this.part.to) } : {};
    drawBars(this.canvas, this.levels, { played: share(this.positionS), ...part });
  }

  /** Follows the pointer until it is let go. */
  #press(event) {
    const { canvas } = this;
    const startX = event.offsetX;
    const fixed = this.#oppositeEdge(startX);
    let moved = fixed !== null;
    canvas.setPointerCapture(event.pointerId);
    const ending = new AbortController();
    const move = ({ offsetX }) => {
      moved ||= Math.abs(offsetX - startX) > CLICK_PX;
      if (moved && this.onChoose) this.onChoose(inOrder(fixed ?? this.#at(startX), this.#at(offsetX)));
    };
    const release = ({ offsetX }) => {
      ending.abort();
      if (!moved || !this.onChoose) this.onSeek(this.#at(offsetX));
    };
    canvas.addEventListener("pointermove", move, { signal: ending.signal });
    canvas.addEventListener("pointerup", release, { signal: ending.signal });
    canvas.addEventListener("pointercancel", () => ending.abort(), { signal: ending.signal });
  }

  /** Where the pointer is at one edge of the chosen part: the other edge, which stays. */
  #oppositeEdge(x) {
    if (!this.part) return null;
    const distance = (seconds) => Math.abs((seconds / this.durationS) * this.canvas.clientWidth - x);
    const { from, to } = this.part;
    if (Math.min(distance(from), distance(to)) > EDGE_PX) return null;
    return distance(from) < distance(to) ? to : from;
  }

  #at(x) {
    return Math.min(1, Math.max(0, x / this.canvas.clientWidth)) * this.durationS;
  }
}

const inOrder = (one, other) => ({ from: Math.min(one, other), to: Math.max(one, other) });
