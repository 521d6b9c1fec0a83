// Reads 16-bit PCM WAV bytes: what the result's picture is drawn from. Pure.
// Layout: RIFF header of 12 bytes, then chunks of a 4-byte name, a 4-byte size and that many bytes, padded to even.

const ascii = (view, at) => String.fromCharCode(...[0, 1, 2, 3].map((index) => view.getUint8(at + index)));

/**
 * @param {Uint8Array} bytes
 * @returns {{sampleRateHz: number, channels: number, samples: Int16Array}} `samples` interleaved
 * @throws {RangeError} if this is no 16-bit PCM WAV
 */
export function readWav(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || ascii(view, 0) !== "RIFF" || ascii(view, 8) !== "WAVE") throw new RangeError("no WAV");
  let format = null;
  for (let at = 12; at + 8 <= bytes.length; at += 8 + size(view, at) + (size(view, at) % 2)) {
    if (ascii(view, at) === "fmt ") format = readFormat(view, at + 8);
    if (ascii(view, at) === "data" && format) return { ...format, samples: readSamples(bytes, at + 8, size(view, at)) };
  }
  throw new RangeError("a WAV without sound");
}

const size = (view, at) => view.getUint32(at + 4, true);

function readFormat(view, at) {
  if (view.getUint16(at + 14, true) !== 16) throw new RangeError("not 16 bit");
  return { channels: view.getUint16(at + 2, true), sampleRateHz: view.getUint32(at + 4, true) };
}

function readSamples(bytes, at, length) {
  const end = Math.min(bytes.length, at + length);
  return new Int16Array(bytes.slice(at, end - ((end - at) % 2)).buffer);
}

/**
 * The loudest absolute sample of each of `columns` equal parts, 0 to 1.
 * @param {Int16Array} samples all channels interleaved
 */
export function findPeaks(samples, columns) {
  const peaks = new Float32Array(columns);
  for (let index = 0; index < samples.length; index += 1) {
    const column = Math.floor((index * columns) / samples.length);
    const level = Math.abs(samples[index]) / 32768;
    if (level > peaks[column]) peaks[column] = level;
  }
  return peaks;
}

/** The loudest of each of `columns` equal parts of `levels`; fewer levels than columns are repeated. */
export function reduceLevels(levels, columns) {
  return Float32Array.from({ length: columns }, (_, column) => {
    const begin = Math.floor((column * levels.length) / columns);
    const end = Math.max(begin + 1, Math.floor(((column + 1) * levels.length) / columns));
    let loudest = 0;
    for (let index = begin; index < Math.min(end, levels.length); index += 1) loudest = Math.max(loudest, levels[index]);
    return loudest;
  });
}
