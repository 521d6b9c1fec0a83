// The notice of a service that was not ready when the page was made: kept true, and taken away once it has recovered.

import { currentLanguage } from "./i18n.js";

const ASK_EVERY_MS = 5000;

/**
 * Asks again and again until the service is ready.
 * @param {string} url of the readiness probe
 * @param {HTMLElement} notice shown now, hidden in the end
 * @param {HTMLElement} reason its words that say why
 */
export function watchReadiness(url, notice, reason) {
  const ask = async () => {
    const why = await askWhy(url);
    if (why) reason.textContent = why;
    notice.hidden = why === "";
    if (why !== "") setTimeout(ask, ASK_EVERY_MS);
  };
  setTimeout(ask, ASK_EVERY_MS);
}

/** Why the service is not ready: "" if it is, null if it does not say. */
async function askWhy(url) {
  try {
    const headers = { "Accept-Language": currentLanguage() };
    const response = await fetch(url, { cache: "no-store", headers });
    if (response.ok) return "";
    const { error } = await response.json();
    return typeof error === "string" ? error : null;
  } catch {
    return null; // It cannot be reached, or a proxy answers for it: what was said last stays.
  }
}
