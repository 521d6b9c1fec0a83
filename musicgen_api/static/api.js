// POST /api/music as an async iterable of events, and every way in which it can fail as one kind of error each.

import { readMessages } from "./sse.js";

/** The service answered that something is wrong. `fields`: reasons by field name. `id`: what the log knows it by. */
export class ServiceError extends Error {
  constructor({ error, code = "", fields = {}, id = "" }) {
    super(error);
    this.code = code;
    this.fields = fields;
    this.id = id;
  }
}

/** 503: nothing wrong with the request, but not now. `retryAfterS`: whole seconds, at least 1. */
export class BusyError extends ServiceError {
  constructor(body, retryAfterS) {
    super(body);
    this.retryAfterS = retryAfterS;
  }
}

/** No answer, or a connection that broke before the music was there. */
export class ConnectionError extends Error {}

const UNREACHABLE = "The service cannot be reached. Is it still running, and is this device online?";
const BROKEN = "The connection broke before the music was complete. The service stops such a job by itself.";
const CUT_SHORT = "The service closed the connection before the music was complete.";
const UNREADABLE = "The service sent something that this page cannot read.";
const DEFAULT_RETRY_S = 5;

/**
 * Asks for one piece of music and yields the service's events as they come, `completed` last.
 * @param {string} url
 * @param {object} settings the request's JSON
 * @param {AbortSignal} signal stops the request, and with it the job on the service
 * @throws {BusyError | ServiceError | ConnectionError | DOMException} the last with name AbortError
 */
export async function* createMusic(url, settings, signal) {
  const response = await post(url, settings, signal);
  if (!response.ok) throw await readFailure(response);
  for await (const data of readMessages(readChunks(response.body, signal))) {
    const event = parseEvent(data);
    if ("error" in event) throw new ServiceError(event);
    yield event;
    if (event.status === "completed") return;
  }
  throw new ConnectionError(CUT_SHORT);
}

async function post(url, settings, signal) {
  const headers = { "Content-Type": "application/json", Accept: "text/event-stream" };
  try {
    return await fetch(url, { method: "POST", headers, body: JSON.stringify(settings), signal, cache: "no-store" });
  } catch (error) {
    throw signal.aborted ? error : new ConnectionError(UNREACHABLE, { cause: error });
  }
}

async function* readChunks(body, signal) {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (error) {
    throw signal.aborted ? error : new ConnectionError(BROKEN, { cause: error });
  } finally {
    reader.cancel().catch(() => {});
  }
}

async function readFailure(response) {
  let body = { error: `The service answered ${response.status} ${response.statusText}`.trim() + "." };
  try {
    const sent = await response.json();
    if (typeof sent?.error === "string") body = sent;
  } catch {
    // Not ours: a proxy's own page. The status has to do.
  }
  return response.status === 503 ? new BusyError(body, parseRetryAfter(response.headers)) : new ServiceError(body);
}

function parseRetryAfter(headers) {
  const seconds = Number.parseInt(headers.get("Retry-After") ?? "", 10);
  return Number.isFinite(seconds) ? Math.max(1, seconds) : DEFAULT_RETRY_S;
}

function parseEvent(data) {
  let event = null;
  try {
    event = JSON.parse(data);
  } catch {
    // Told below, like any other thing that is no object.
  }
  if (event === null || typeof event !== "object") throw new ServiceError({ error: UNREADABLE, code: "unreadable" });
  return event;
}

// A multiple of four characters, so that each slice is base64 by itself and no second copy of all of it is needed.
const BASE64_SLICE = 4 * 65536;

/** Decodes base64. @returns {Uint8Array} @throws {DOMException} if it is none */
export function decodeBase64(text) {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let offset = 0;
  for (let start = 0; start < text.length; start += BASE64_SLICE) {
    const binary = atob(text.slice(start, start + BASE64_SLICE));
    for (let index = 0; index < binary.length; index += 1) bytes[offset + index] = binary.charCodeAt(index);
    offset += binary.length;
  }
  return bytes;
}
