// The request's settings as strings (in the form and in the address bar) and as values (in the request): the rules that
// turn one into the other. They mirror the service's own, so that most mistakes show before anything is sent; the
// service still has the last word. Nothing here knows the page.

import { t } from "./i18n.js";

/** The largest seed that JavaScript's numbers hold exactly. */
const MAX_SEED = Number.MAX_SAFE_INTEGER;

const said = (value) => ({ value });
const wrong = (error) => ({ error });

/** A rule takes the string of a field and returns `{value}` or `{error}`. */
const text = (maxChars) => (raw) => {
  const length = countChars(raw);
  if (raw.trim() === "") return wrong(t("Describe the music in a few words."));
  return length > maxChars ? wrong(t("At most {max} characters; these are {length}.", { max: maxChars, length })) : said(raw);
};

const oneOf = (ids) => (raw) =>
  ids.includes(raw) ? said(raw) : wrong(t("This service has no model called “{name}”. Choose one of the list.", { name: raw }));

const flag = (raw) => said(raw === "true");

/** `sentence` says what would be right; it may name {min} and {max}. */
const number = (fits, sentence, bounds = {}) => (raw) => {
  const value = Number(raw);
  return raw.trim() !== "" && Number.isFinite(value) && fits(value) ? said(value) : wrong(t(sentence, bounds));
};

const within = (min, max, sentence) => number((v) => v >= min && v <= max, sentence, { min, max });

const integer = (min, max, sentence) =>
  number((v) => Number.isSafeInteger(v) && v >= min && v <= max, sentence, { min, max });

const optional = (rule) => (raw) => (raw.trim() === "" ? said(undefined) : rule(raw));

/** Leaves out of the request what says nothing. */
const unless = (silent, rule) => (raw) => {
  const { value, error } = rule(raw);
  return error === undefined && value === silent ? said(undefined) : { value, error };
};

/**
 * The rules by field name; the names are the API's own.
 * @param {{maxPromptChars: number, maxDurationS: number, maxTakes: number, loudness: number[], models: string[]}} limits
 */
export function createRules({ maxPromptChars, maxDurationS, maxTakes, loudness, models }) {
  const fade = unless(0, within(0, maxDurationS, "A number of seconds from {min} to {max}."));
  return {
    description: text(maxPromptChars),
    model: oneOf(models),
    duration: integer(1, maxDurationS, "A whole number of seconds from {min} to {max}."),
    takes: unless(1, integer(1, maxTakes, "A whole number from {min} to {max}.")),
    top_k: integer(1, Number.MAX_SAFE_INTEGER, "A whole number, at least 1."),
    top_p: within(0, 1, "A number from {min} to {max}."),
    temperature: number((v) => v > 0, "A number above 0."),
    cfg_coef: within(-100, 100, "A number from {min} to {max}."),
    mbd: flag,
    seed: optional(integer(0, MAX_SEED, "A whole number from {min} to {max}, or nothing.")),
    loudness: optional(within(...loudness, "A number from {min} to {max}, or nothing.")),
    fade_in: fade,
    fade_out: fade,
    loop: unless(false, flag),
    sections: unless(false, flag),
  };
}

/**
 * Applies the rules.
 * @param {Record<string, string>} raw one string per rule
 * @returns {{settings: object, errors: Record<string, string>}} `settings` is the request's JSON if `errors` is empty
 */
export function parseSettings(raw, rules) {
  const settings = {};
  const errors = {};
  for (const [name, rule] of Object.entries(rules)) {
    const { value, error } = rule(raw[name]);
    if (error !== undefined) errors[name] = error;
    else if (value !== undefined) settings[name] = value;
  }
  return { settings, errors };
}

/**
 * The request itself: with `sections`, each line of the description is a part, and the parts share the duration in whole
 * seconds.
 */
export function toRequest({ sections, ...settings }) {
  const { description, duration, ...others } = settings;
  const lines = linesOf(description);
  if (!sections || lines.length < 2) return settings;
  const until = (count) => Math.floor((count * duration) / lines.length);
  const part = (line, index) => ({ description: line, duration: until(index + 1) - until(index) });
  return { ...others, sections: lines.map(part) };
}

const linesOf = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

/** Lines with words in them. */
export const countLines = (text) => linesOf(text).length;

/**
 * What a link that repeats these settings says behind its `#`, in a query's form. What equals its default is left out,
 * but the model stays when anything is said at all: another day's default may be another.
 */
export function toQuery(raw, defaults) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(raw)) if (value !== defaults[name]) query.set(name, value);
  if (query.toString() !== "") query.set("model", raw.model);
  return query.toString();
}

/** The known fields among those of a link: the inverse of `toQuery`, except that defaults stay unsaid. */
export function fromQuery(query, names) {
  const entries = [...new URLSearchParams(query)].filter(([name]) => names.includes(name));
  return Object.fromEntries(entries);
}

/**
 * A request's JSON, as a recipe holds it, as strings, for the fields that have a rule: the inverse of `parseSettings` and
 * `toRequest`, except that parts of different lengths become equally long.
 */
export function fromRequest({ sections = null, ...settings }, rules) {
  const joined = sections && {
    description: sections.map(({ description }) => description).join("\n"),
    duration: sections.reduce((sum, { duration }) => sum + duration, 0),
    sections: true,
  };
  const known = Object.entries({ ...settings, ...joined }).filter(([name]) => Object.hasOwn(rules, name));
  return Object.fromEntries(known.map(([name, value]) => [name, String(value)]));
}

/** Characters as the service counts them: code points, not UTF-16 units. */
export function countChars(value) {
  return [...value].length;
}
