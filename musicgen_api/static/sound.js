// What the page must know of a file with sound: how long it is, and what its waveform looks like.

import { findPeaks, readWav } from "./wav.js";

/** Steps of a waveform: more than any screen shows. */
const LEVELS = 1200;
const DECODED_RATE_HZ = 32000;

/**
 * Reads a 16-bit WAV file, as the service makes them.
 * @param {Uint8Array} bytes
 * @returns {{durationS: number, sampleRateHz: number, channels: number, levels: Float32Array}}
 * @throws {RangeError} if it is no such file
 */
export function describeWav(bytes) {
  const { sampleRateHz, channels, samples } = readWav(bytes);
  const durationS = samples.length / channels / sampleRateHz;
  return { durationS, sampleRateHz, channels, levels: findPeaks(samples, LEVELS) };
}

/**
 * Reads any file that this browser can decode.
 * @param {Blob} file
 * @returns {Promise<{durationS: number, sampleRateHz: number | null, channels: number, levels: Float32Array}>} the
 * sample rate is null where the browser does not tell the file's own
 * @throws if the browser cannot decode it
 */
export async function describeSound(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  try {
    return describeWav(bytes);
  } catch {
    return describeDecoded(bytes);
  }
}

async function describeDecoded(bytes) {
  const context = new OfflineAudioContext(1, 1, DECODED_RATE_HZ);
  const buffer = await context.decodeAudioData(bytes.buffer);
  const levels = new Float32Array(LEVELS);
  for (let channel = 0; channel < buffer.numberOfChannels; channel += 1) {
    const samples = buffer.getChannelData(channel);
    for (let index = 0; index < samples.length; index += 1) {
      const step = Math.floor((index * LEVELS) / samples.length);
      levels[step] = Math.max(levels[step], Math.min(1, Math.abs(samples[index])));
    }
  }
  return { durationS: buffer.duration, sampleRateHz: null, channels: buffer.numberOfChannels, levels };
}
