// English: only what counts. All other sentences are themselves.

export const ENGLISH = {
  "{count} takes": { one: "{count} take", other: "{count} takes" },
  "{count} tries so far.": { one: "{count} try so far.", other: "{count} tries so far." },
  "The browser's room is used up: {count} of the oldest pieces had to go.": {
    one: "The browser's room is used up: the oldest piece had to go.",
    other: "The browser's room is used up: the {count} oldest pieces had to go.",
  },
};
