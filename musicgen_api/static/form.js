// The form: strings in and out, and errors shown at the field that they belong to.
//
// For each field called `name` the page holds a control `name` and an element `name-error` that describes it.

import { inEveryLanguage } from "./i18n.js";
import { countChars, countLines, parseSettings } from "./settings.js";

/** Stands for the text of a number field that is no number: the browser reports "", which would pass for empty. */
const NO_NUMBER = "?";

export class SettingsForm {
  /**
   * @param {HTMLFormElement} element
   * @param {Record<string, Function>} rules see settings.js
   * @param {{maxPromptChars: number}} limits
   */
  constructor(element, rules, limits) {
    this.element = element;
    this.rules = rules;
    this.limits = limits;
    element.reset();
    this.defaults = this.read();
    this.durationSlider = element.querySelector("#duration-slider");
    this.#listen();
    inEveryLanguage(() => this.#speak());
  }

  /** Says again, in another language, what is wrong. */
  #speak() {
    for (const name of Object.keys(this.rules)) if (this.#hasError(name)) this.#check(name);
    this.#follow();
  }

  #listen() {
    this.element.addEventListener("change", (event) => this.#check(event.target.name));
    this.element.addEventListener("input", (event) => {
      if (event.target === this.durationSlider) this.fill({ duration: this.durationSlider.value });
      if (this.#hasError(event.target.name)) this.#check(event.target.name);
      this.#follow();
    });
  }

  #control(name) {
    return this.element.elements.namedItem(name);
  }

  /** Every field as a string; see settings.js. */
  read() {
    return Object.fromEntries(Object.keys(this.rules).map((name) => [name, readControl(this.#control(name))]));
  }

  /** Sets the given fields and shows what is wrong with them. An unknown model is told, and the present one stays. */
  fill(raw) {
    for (const [name, value] of Object.entries(raw)) {
      const error = this.rules[name](value).error ?? "";
      writeControl(this.#control(name), value, error);
      this.#showError(name, error);
    }
    const current = this.read();
    if (this.#advancedNames().some((name) => current[name] !== this.defaults[name])) this.#advanced().open = true;
    this.#follow();
  }

  /** Sets the given fields, and all others to their defaults. */
  replace(raw) {
    this.element.reset();
    this.showErrors({});
    this.fill(raw);
  }

  /** Puts the advanced fields back to their defaults. */
  resetAdvanced() {
    this.fill(Object.fromEntries(this.#advancedNames().map((name) => [name, this.defaults[name]])));
  }

  /**
   * The request's JSON, or null after every error has been shown and the first one focused.
   * @returns {object | null}
   */
  parse() {
    const { settings, errors } = parseSettings(this.read(), this.rules);
    this.showErrors(errors);
    return Object.keys(errors).length === 0 ? settings : null;
  }

  /**
   * Shows these errors and no others, and focuses the first.
   * @param {Record<string, string | string[]>} errors by field name
   * @returns {string[]} those that no field could show
   */
  showErrors(errors) {
    for (const name of Object.keys(this.rules)) this.#showError(name, join(errors[name]));
    const first = Object.keys(this.rules).find((name) => this.#hasError(name));
    if (first) this.#control(first).focus();
    return Object.entries(errors).flatMap(([name, why]) => (name in this.rules ? [] : [`${name}: ${join(why)}`]));
  }

  #check(name) {
    if (name in this.rules) this.#showError(name, this.rules[name](this.read()[name]).error ?? "");
  }

  #showError(name, text) {
    const control = this.#control(name);
    const place = document.getElementById(`${name}-error`);
    place.textContent = text;
    place.hidden = text === "";
    if (text === "") control.removeAttribute("aria-invalid");
    else control.setAttribute("aria-invalid", "true");
    if (text !== "" && this.#advanced().contains(control)) this.#advanced().open = true;
  }

  #hasError(name) {
    return name in this.rules && this.#control(name).getAttribute("aria-invalid") === "true";
  }

  #advanced() {
    return this.element.querySelector("details");
  }

  #advancedNames() {
    return Object.keys(this.rules).filter((name) => this.#advanced().contains(this.#control(name)));
  }

  /** What follows the fields by itself: the slider, the counter and the model's description. */
  #follow() {
    const { description, duration, model } = this.read();
    this.element.querySelector("#sections-field").hidden = countLines(description) < 2;
    this.durationSlider.value = duration;
    const counter = this.element.querySelector("#description-count");
    counter.textContent = `${countChars(description)} / ${this.limits.maxPromptChars}`;
    counter.classList.toggle("over", countChars(description) > this.limits.maxPromptChars);
    for (const note of this.element.querySelectorAll("[data-model]")) note.hidden = note.dataset.model !== model;
  }
}

function readControl(control) {
  if (control.type === "checkbox") return String(control.checked);
  return control.validity.badInput ? NO_NUMBER : control.value;
}

function writeControl(control, value, error) {
  if (control.type === "checkbox") control.checked = value === "true";
  else if (control.type === "number" && Number.isNaN(Number(value))) control.value = "";
  else if (!(control.type === "select-one" && error)) control.value = value;
}

const join = (why = "") => [why].flat().join(" ");
