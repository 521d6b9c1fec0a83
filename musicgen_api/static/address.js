// The address bar repeats the form's settings: behind `#`, which browsers never send.

import { fromQuery, toQuery } from "./settings.js";

const SAVE_AFTER_MS = 300;

export class Address {
  /** @param {import("./form.js").SettingsForm} form */
  constructor(form) {
    this.form = form;
    this.timer = 0;
  }

  /** What the address says when it says what the form does. */
  current() {
    return toQuery(this.form.read(), this.form.defaults);
  }

  /** Puts the form's settings, or another query, into the address bar. */
  save(query = this.current()) {
    clearTimeout(this.timer);
    history.replaceState(null, "", query ? `${location.pathname}#${query}` : location.pathname);
  }

  /** The same after a while without another call: for each key that is pressed. */
  saveSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), SAVE_AFTER_MS);
  }

  /** Fills the form. Older links say it behind `?`: their settings move before anything else is sent. */
  restore() {
    const query = (location.hash || location.search).slice(1);
    this.save(query);
    this.form.replace(fromQuery(query, Object.keys(this.form.rules)));
  }
}
