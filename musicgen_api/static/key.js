// The API key of services that ask for one: asked for when a request is refused without it (401), sent with every
// request from then on. It is kept for this tab, or on this device where the person chooses so.

import { currentLanguage, t } from "./i18n.js";

const STORED_AS = "musicgen-key";
const places = () => [sessionStorage, localStorage];

/** @returns {string} "" if there is none */
export function storedKey() {
  try {
    return places().map((place) => place.getItem(STORED_AS)).find(Boolean) ?? "";
  } catch {
    return ""; // Storage may be forbidden.
  }
}

function store(key, onThisDevice) {
  forgetKey();
  try {
    (onThisDevice ? localStorage : sessionStorage).setItem(STORED_AS, key);
  } catch {
    // The next request asks again.
  }
}

/** Removes the key from this browser. */
export function forgetKey() {
  try {
    for (const place of places()) place.removeItem(STORED_AS);
  } catch {
    // Then there is none.
  }
}

/** `fetch` with the key, for answers in the page's language. If the service demands one, the page asks for it and sends the request again. */
export async function send(url, options = {}) {
  let key = storedKey();
  for (;;) {
    const headers = new Headers(options.headers);
    headers.set("Accept-Language", currentLanguage());
    if (key) headers.set("Authorization", `Bearer ${key}`);
    const response = await fetch(url, { ...options, headers });
    if (response.status !== 401) return response;
    const given = await ask(key !== "", options.signal);
    if (!given) return response;
    key = given;
  }
}

let asking = null;

/** @returns {Promise<string>} "" if the person does not give one. Requests that ask together share one dialog. */
function ask(wasRefused, signal) {
  asking ??= show(wasRefused, signal).finally(() => (asking = null));
  return asking;
}

function show(wasRefused, signal) {
  const dialog = document.getElementById("key-dialog");
  const input = dialog.querySelector("input[type=password]");
  const onThisDevice = dialog.querySelector("input[type=checkbox]");
  const refused = dialog.querySelector(".error");
  refused.hidden = !wasRefused;
  refused.textContent = wasRefused ? t("The service does not accept this key.") : "";
  input.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  const close = () => dialog.close();
  signal?.addEventListener("abort", close);
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => {
        signal?.removeEventListener("abort", close);
        const key = dialog.returnValue === "send" ? input.value.trim() : "";
        input.value = "";
        if (key) store(key, onThisDevice.checked);
        document.dispatchEvent(new Event("keychange"));
        resolve(key);
      },
      { once: true },
    );
  });
}
