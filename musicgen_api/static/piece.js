// A finished piece: what was asked for, and its takes. It can be kept in IndexedDB as it is.
//
//     {prompt, readAs, warning, settings, raw, modelTitle, madeAt, durationS, sampleRateHz, channels, linkable,
//      takes: [{seed, file, format, levels}]}
//
// `readAs` is the translation that the model has read, `warning` why there is none; mostly neither is there. `settings` is the request's JSON, `raw` the form's strings (settings.js). A take's `file` is a Blob.

import { decodeBase64 } from "./base64.js";
import { describeSound, describeWav } from "./sound.js";

const MAX_NAME_CHARS = 48;
/** Names of files, by the API's `format`. */
const SUFFIXES = { wav: "wav", flac: "flac", mp3: "mp3", opus: "opus", aac: "m4a" };
/** The formats of a download. */
export const FORMATS = { wav: "WAV", flac: "FLAC", mp3: "MP3", opus: "Opus", aac: "AAC" };

/**
 * @param {object} completed the service's last event, with WAV files
 * @param {{settings: object, raw: Record<string, string>, modelTitle: string, linkable: boolean}} made the request that
 * led to it; `linkable`: these settings alone make it again
 * @throws if the audio cannot be read
 */
export function makePiece(completed, { settings, raw, modelTitle, linkable }) {
  let sound = null;
  const takes = (completed.takes ?? [completed]).map(({ seed, audio_data: data }) => {
    const bytes = decodeBase64(data);
    sound = describeWav(bytes);
    return { seed, file: new Blob([bytes], { type: "audio/wav" }), format: "wav", levels: sound.levels };
  });
  const { description_used: whole, sections_used: parts, warning } = completed;
  const readAs = parts?.join("\n") ?? whole;
  const made = { settings, raw, modelTitle, linkable, madeAt: Date.now() };
  return { prompt: raw.description, readAs, warning, ...made, ...about(sound), takes };
}

/**
 * A piece out of one of the service's files.
 * @param {Blob} file
 * @param {object} settings the request that the file's recipe names
 * @param {Record<string, string>} raw the same as the form's strings
 * @throws if the browser cannot decode the file
 */
export async function openPiece(file, settings, raw, modelTitle) {
  const sound = await describeSound(file);
  const take = { seed: settings.seed, file, format: formatOf(file), levels: sound.levels };
  const linkable = !("continuation_end" in settings);
  return { prompt: raw.description, settings, raw, modelTitle, linkable, madeAt: Date.now(), ...about(sound), takes: [take] };
}

const about = ({ durationS, sampleRateHz, channels }) => ({ durationS, sampleRateHz, channels });

function formatOf({ name = "", type }) {
  const suffix = name.toLowerCase().split(".").pop();
  const bySuffix = Object.keys(SUFFIXES).find((format) => SUFFIXES[format] === suffix);
  const byType = { "audio/flac": "flac", "audio/mpeg": "mp3", "audio/ogg": "opus", "audio/mp4": "aac" }[type];
  return bySuffix ?? byType ?? "wav";
}

/** "Calm piano, slow" with seed 7 -> "calm-piano-slow-7.wav". Letters and digits of every script stay. */
export function fileName(description, seed, format = "wav") {
  const words = description.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? ["music"];
  const name = [...words.join("-")].slice(0, MAX_NAME_CHARS).join("").replace(/-+$/, "");
  return `${name}-${seed}.${SUFFIXES[format]}`;
}
