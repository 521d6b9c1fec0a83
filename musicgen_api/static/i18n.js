// The page's language. English sentences stand where they are used, in the template and in the modules, and are the
// keys of the other languages' tables (strings-*.js). A sentence that a table lacks stays English.

import { CHINESE } from "./strings-zh.js";
import { ENGLISH } from "./strings-en.js";
import { FRENCH } from "./strings-fr.js";

/** Sentences by language; a sentence that counts has a form for each plural category of that language. */
const TABLES = { en: ENGLISH, fr: FRENCH, "zh-Hans": CHINESE };
const STORED_AS = "musicgen-language";
const ATTRIBUTES = ["aria-label", "title", "placeholder"];
/** What people wrote, what the service says, and what is the same everywhere. */
const UNTRANSLATED = "[translate=no], script, style, code, noscript";

let language = choose([stored(), ...navigator.languages].filter(Boolean));
let numbers = new Intl.NumberFormat(language, { maximumFractionDigits: 3 });
let plurals = new Intl.PluralRules(language);
let sources = [];
const renderers = [];

/** The first language of `wished` (BCP 47) that the page speaks; English if it speaks none. */
export function choose(wished) {
  const spoken = Object.keys(TABLES);
  const base = (tag) => tag.toLowerCase().split("-")[0];
  return wished.map((tag) => spoken.find((own) => base(own) === base(tag))).find(Boolean) ?? "en";
}

function stored() {
  try {
    return localStorage.getItem(STORED_AS);
  } catch {
    return null; // Storage may be forbidden.
  }
}

/** The language that the page speaks now. */
export const currentLanguage = () => language;

/**
 * Says `sentence` in the page's language.
 * @param {string} sentence in English; "{name}" stands for a value
 * @param {Record<string, string | number>} values numbers are written as the language does; `count` chooses the form
 */
export function t(sentence, values = {}) {
  const entry = TABLES[language][sentence] ?? sentence;
  const form = typeof entry === "string" ? entry : (entry[plurals.select(values.count)] ?? entry.other);
  return form.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? write(values[name]) : whole));
}

const write = (value) => (typeof value === "number" ? numbers.format(value) : value);

/** A number with exactly so many decimals. */
export function formatNumber(value, decimals) {
  const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals, useGrouping: false };
  return new Intl.NumberFormat(language, digits).format(value);
}

/** Day and time, short. */
export function formatDate(date) {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(date);
}

/** Calls `render` now, and again whenever the language changes. */
export function inEveryLanguage(render) {
  renderers.push(render);
  render();
}

/** Speaks another language from now on, and remembers it. */
export function speak(wished) {
  language = choose([wished]);
  numbers = new Intl.NumberFormat(language, { maximumFractionDigits: 3 });
  plurals = new Intl.PluralRules(language);
  try {
    localStorage.setItem(STORED_AS, language);
  } catch {
    // It is spoken until the page is closed.
  }
  translate();
  for (const render of renderers) render();
}

/** Finds every sentence of the template, once, and says it in the page's language. */
export function translateDocument() {
  sources = [...findTexts(), ...findAttributes(), ...findTemplates()];
  translate();
}

function translate() {
  document.documentElement.lang = language;
  for (const { sentence, values, put } of sources) put(t(sentence, values));
}

function* findTexts() {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const sentence = node.data.trim().replace(/\s+/g, " ");
    if (sentence === "" || node.parentElement.closest(`${UNTRANSLATED}, [data-text]`)) continue;
    const [before, after] = [/^\s*/.exec(node.data)[0], /\s*$/.exec(node.data)[0]];
    const text = node;
    yield { sentence, put: (said) => (text.data = before + said + after) };
  }
}

function* findAttributes() {
  for (const name of ATTRIBUTES) {
    for (const element of document.body.querySelectorAll(`[${name}]`)) {
      yield { sentence: element.getAttribute(name), put: (said) => element.setAttribute(name, said) };
    }
  }
}

/** Sentences with values: `data-text` holds the sentence, `data-values` the values as JSON. */
function* findTemplates() {
  for (const element of document.body.querySelectorAll("[data-text]")) {
    const values = JSON.parse(element.dataset.values);
    yield { sentence: element.dataset.text, values, put: (said) => (element.textContent = said) };
  }
}
