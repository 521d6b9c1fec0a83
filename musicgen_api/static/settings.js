// The request's settings as strings (in the form and in the address bar) and as values (in the request): the rules that
// turn one into the other. They mirror the service's own, so that most mistakes show before anything is sent; the
// service still has the last word. Nothing here knows the page.

/** The largest seed that JavaScript's numbers hold exactly. */
const MAX_SEED = Number.MAX_SAFE_INTEGER;

const said = (value) => ({ value });
const wrong = (error) => ({ error });

/** A rule takes the string of a field and returns `{value}` or `{error}`. */
const text = (maxChars) => (raw) => {
  const length = countChars(raw);
  if (raw.trim() === "") return wrong("Describe the music in a few words.");
  return length > maxChars ? wrong(`At most ${maxChars} characters; these are ${length}.`) : said(raw);
};

const oneOf = (ids) => (raw) =>
  ids.includes(raw) ? said(raw) : wrong(`This service has no model called “${raw}”. Choose one of the list.`);

const flag = (raw) => said(raw === "true");

const number = (fits, sentence) => (raw) => {
  const value = Number(raw);
  return raw.trim() !== "" && Number.isFinite(value) && fits(value) ? said(value) : wrong(sentence);
};

const integer = (min, max, sentence) => number((v) => Number.isSafeInteger(v) && v >= min && v <= max, sentence);

const optional = (rule) => (raw) => (raw.trim() === "" ? said(undefined) : rule(raw));

/**
 * The rules by field name; the names are the API's own.
 * @param {{maxPromptChars: number, maxDurationS: number, models: string[]}} limits
 */
export function createRules({ maxPromptChars, maxDurationS, models }) {
  return {
    description: text(maxPromptChars),
    model: oneOf(models),
    duration: integer(1, maxDurationS, `A whole number of seconds from 1 to ${maxDurationS}.`),
    top_k: integer(1, Number.MAX_SAFE_INTEGER, "A whole number, at least 1."),
    top_p: number((v) => v >= 0 && v <= 1, "A number from 0 to 1."),
    temperature: number((v) => v > 0, "A number above 0."),
    cfg_coef: number((v) => Math.abs(v) <= 100, "A number from -100 to 100."),
    mbd: flag,
    seed: optional(integer(0, MAX_SEED, `A whole number from 0 to ${MAX_SEED}, or nothing.`)),
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

/** Characters as the service counts them: code points, not UTF-16 units. */
export function countChars(value) {
  return [...value].length;
}
