// What the page asks of the service: POST /api/music as an async iterable of events, and files that are read or encoded.
// Every way in which a request can fail is one kind of error.

import { t } from "./i18n.js";
import { send } from "./key.js";
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
 * Asks for music and yields the service's events as they come, `completed` last.
 * @param {string} url
 * @param {object} settings the request's JSON
 * @param {AbortSignal} signal stops the request, and with it the job on the service
 * @param {Record<string, Blob>} uploads files by field name
 * @throws {BusyError | ServiceError | ConnectionError | DOMException} the last with name AbortError
 */
export async function* createMusic(url, settings, signal, uploads = {}) {
  const response = await post(url, toBody(settings, uploads), signal, "text/event-stream");
  for await (const data of readMessages(readChunks(response.body, signal))) {
    const event = parseEvent(data);
    if ("error" in event) throw new ServiceError(event);
    yield event;
    if (event.status === "completed") return;
  }
  throw new ConnectionError(t(CUT_SHORT));
}

/**
 * What a file says of how it was made.
 * @param {Blob} file
 * @returns {Promise<object>} the recipe
 * @throws {BusyError | ServiceError | ConnectionError} a ServiceError also where the file has none
 */
export async function readRecipe(url, file) {
  const response = await post(url, toForm({ file }));
  return response.json();
}

/**
 * The same music as another kind of file.
 * @param {Blob} file one of the service's
 * @param {string} format a name of the API's `format`
 * @returns {Promise<Blob>}
 * @throws {BusyError | ServiceError | ConnectionError}
 */
export async function convert(url, file, format) {
  const response = await post(url, toForm({ file, format }));
  return response.blob();
}

/** JSON where that is enough; with files a form whose part `request` is the JSON. */
function toBody(settings, uploads) {
  const json = JSON.stringify(settings);
  return Object.keys(uploads).length === 0 ? json : toForm({ request: json, ...uploads });
}

function toForm(parts) {
  const form = new FormData();
  for (const [name, part] of Object.entries(parts)) form.append(name, part);
  return form;
}

async function post(url, body, signal, accept = "*/*") {
  // A form's own type holds its boundary: the browser says it.
  const type = typeof body === "string" ? { "Content-Type": "application/json" } : {};
  let response = null;
  try {
    response = await send(url, { method: "POST", headers: { ...type, Accept: accept }, body, signal, cache: "no-store" });
  } catch (error) {
    throw signal?.aborted ? error : new ConnectionError(t(UNREACHABLE), { cause: error });
  }
  if (!response.ok) throw await readFailure(response);
  return response;
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
    throw signal.aborted ? error : new ConnectionError(t(BROKEN), { cause: error });
  } finally {
    reader.cancel().catch(() => {});
  }
}

async function readFailure(response) {
  let body = { error: t("The service answered {status}.", { status: `${response.status} ${response.statusText}`.trim() }) };
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
  if (event === null || typeof event !== "object") throw new ServiceError({ error: t(UNREADABLE), code: "unreadable" });
  return event;
}
