// The microphone: a recording as one file. Nothing leaves the browser here.

/** The first kind that the browser can record; the service reads all of them. */
const KINDS = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4"];

/** Whether this browser can record here: it does so only on secure pages (HTTPS, or this very machine). */
export const canRecord = () => Boolean(navigator.mediaDevices?.getUserMedia && globalThis.MediaRecorder);

/**
 * Begins to record.
 * @param {number} maxS the recording ends by itself after so many seconds
 * @returns {Promise<{stop: () => void, done: Promise<Blob>}>} `done`: the recording, once it is stopped
 * @throws {DOMException} NotAllowedError if the person says no, NotFoundError if there is no microphone
 */
export async function record(maxS) {
  // The filters are made for speech: they take music for noise.
  const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: plain });
  const mimeType = KINDS.find((kind) => MediaRecorder.isTypeSupported(kind));
  const recorder = new MediaRecorder(stream, mimeType ? { mimeType } : {});
  const chunks = [];
  recorder.addEventListener("dataavailable", ({ data }) => chunks.push(data));
  const done = new Promise((resolve) => {
    recorder.addEventListener("stop", () => {
      for (const track of stream.getTracks()) track.stop();
      resolve(new Blob(chunks, { type: recorder.mimeType.split(";")[0] }));
    });
  });
  recorder.start();
  const stop = () => recorder.state !== "inactive" && recorder.stop();
  const timer = setTimeout(stop, maxS * 1000);
  done.then(() => clearTimeout(timer));
  return { stop, done };
}
