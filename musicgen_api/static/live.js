// Plays music while it is made: each part is scheduled right behind the one before, on the clock of the sound card.
//
// Where the service is slower than the music, playing stops, waits for more, and goes on where it stopped; each time it
// waits for twice as much, so that a slow service interrupts a few times and not every second.

/** MusicGen's rate. With another one the browser converts each part. */
const USUAL_RATE_HZ = 32000;
/** From now to the first sample: time to schedule it. */
const LEAD_S = 0.05;
const FIRST_CUSHION_S = 0.5;
const FADE_S = 0.08;
/** The file may be this far from where the live sound is; nobody hears that in a cross-fade. */
const TOLERANCE_S = 0.03;

export class LivePlayer {
  /** Call this while the browser handles a click or a key: only then may a page make sounds. */
  constructor() {
    this.context = new AudioContext({ sampleRate: USUAL_RATE_HZ });
    this.gain = this.context.createGain();
    this.gain.connect(this.context.destination);
    this.context.resume();
    this.waiting = [];
    this.cushionS = FIRST_CUSHION_S;
    /** When, on the context's clock, the next part begins; null before the first one. */
    this.nextAtS = null;
    /** Seconds of music that are scheduled. */
    this.scheduledS = 0;
    /** Seconds of music that have come. */
    this.receivedS = 0;
  }

  /** @returns {boolean} whether there was anything to hear yet */
  get started() {
    return this.nextAtS !== null;
  }

  get paused() {
    return this.context.state !== "running";
  }

  /** What is heard now, in seconds of the piece. */
  get positionS() {
    const ahead = this.started ? Math.max(0, this.nextAtS - this.context.currentTime) : 0;
    return Math.max(0, this.scheduledS - ahead);
  }

  /**
   * Takes the next part.
   * @param {Int16Array} samples interleaved
   */
  add(samples, channels, sampleRateHz) {
    this.waiting.push(this.#makeBuffer(samples, channels, sampleRateHz));
    this.receivedS += samples.length / channels / sampleRateHz;
    if (this.started && this.#dry && this.scheduledS > 0) this.#waitForMore();
    if (!this.#dry || this.receivedS - this.scheduledS >= this.cushionS) this.#schedule();
  }

  /** All that was scheduled has been played. */
  get #dry() {
    return !this.started || this.nextAtS <= this.context.currentTime;
  }

  #waitForMore() {
    if (this.waiting.length === 1) this.cushionS *= 2;
  }

  #schedule() {
    if (this.#dry) this.nextAtS = this.context.currentTime + LEAD_S;
    for (const buffer of this.waiting.splice(0)) {
      const source = this.context.createBufferSource();
      source.buffer = buffer;
      source.connect(this.gain);
      source.start(this.nextAtS);
      this.nextAtS += buffer.duration;
      this.scheduledS += buffer.duration;
    }
  }

  #makeBuffer(samples, channels, sampleRateHz) {
    const frames = samples.length / channels;
    const buffer = this.context.createBuffer(channels, frames, sampleRateHz);
    for (let channel = 0; channel < channels; channel += 1) {
      const data = buffer.getChannelData(channel);
      for (let frame = 0; frame < frames; frame += 1) data[frame] = samples[frame * channels + channel] / 32768;
    }
    return buffer;
  }

  /** Stops the clock, or lets it run again. */
  toggle() {
    return this.paused ? this.context.resume() : this.context.suspend();
  }

  /**
   * Lets `audio`, which holds the whole piece, go on from here: silently beside this player until both are at the same
   * place, then in its stead. This player is closed afterwards.
   * @param {HTMLAudioElement} audio
   */
  async handOver(audio) {
    if (!this.started) return this.close();
    try {
      await seek(audio, this.positionS);
      if (!this.paused) await this.#join(audio);
    } catch {
      // The file does not play, or somebody has paused it or chosen another: then there is nothing to join.
    }
    audio.muted = false;
    return this.close();
  }

  async #join(audio) {
    audio.muted = true;
    await audio.play();
    const early = this.positionS - audio.currentTime;
    if (Math.abs(early) > TOLERANCE_S) await seek(audio, this.positionS + Math.max(0, early) / 2);
    audio.muted = false;
    this.gain.gain.setTargetAtTime(0, this.context.currentTime, FADE_S / 4);
    await new Promise((resolve) => setTimeout(resolve, FADE_S * 1000));
  }

  /** Falls silent for good. */
  async close() {
    if (this.context.state !== "closed") await this.context.close();
  }
}

/** Moves `audio` and waits until it is there. */
function seek(audio, seconds) {
  const there = new Promise((resolve, reject) => {
    audio.addEventListener("seeked", resolve, { once: true });
    audio.addEventListener("error", reject, { once: true });
    audio.addEventListener("emptied", reject, { once: true });
  });
  const go = () => (audio.currentTime = seconds);
  if (audio.readyState >= HTMLMediaElement.HAVE_METADATA) go();
  else audio.addEventListener("loadedmetadata", go, { once: true });
  return there;
}
