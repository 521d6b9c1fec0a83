// What people do at the page, from a request to a piece and on from there: starts, ends and fails generations, and shows
// pieces that were made before.

import { readRecipe, ServiceError } from "./api.js";
import { t } from "./i18n.js";
import { makePiece, openPiece } from "./piece.js";
import { fromRequest, toQuery, toRequest } from "./settings.js";
import { SOURCE_FIELDS } from "./source.js";

export class Studio {
  /**
   * @param {object} parts the page's parts by name (address, form, history, jobs, result, source, stage)
   * @param {{urls: Record<string, string>, models: object[]}} config
   * @param {(id: string) => HTMLElement} page
   */
  constructor(parts, config, page) {
    Object.assign(this, parts, { config, page });
  }

  /** The catalogue's entry for a model, or undefined. */
  findModel(id) {
    return this.config.models.find((model) => model.id === id);
  }

  /** Asks for what the form and the source say. */
  async start() {
    if (this.jobs.running) return;
    const parsed = this.form.parse();
    if (!parsed) return;
    const { fields, uploads } = this.source.read();
    // The others are not there before the end: takes are made together, a loop's beginning is made of its end.
    const live = this.page("listen").checked && parsed.takes === undefined && !parsed.mbd && !parsed.loop;
    const settings = { ...toRequest(parsed), ...fields, ...(live ? { live } : {}) };
    const raw = this.form.read();
    this.source.showError("");
    this.#setBusy(true);
    try {
      const completed = await this.jobs.run(settings, uploads, parsed.duration);
      if (completed) this.#finish(completed, { settings, raw, linkable: Object.keys(uploads).length === 0 });
    } catch (error) {
      this.#fail(error);
    }
  }

  #finish(completed, { settings, raw, linkable }) {
    const cancelHadFocus = document.activeElement === this.page("cancel");
    let piece = null;
    try {
      piece = makePiece(completed, { settings, raw, linkable, modelTitle: this.findModel(settings.model).title });
    } catch (error) {
      this.#fail(new ServiceError({ error: t("The service's audio cannot be read: {why}.", { why: error.message }) }));
      return;
    }
    this.result.show(piece);
    this.#stop()?.handOver(this.result.audio);
    // The seed belongs into the address bar only while the form still says what was asked for.
    const { defaults } = this.form;
    if (this.address.current() === toQuery(raw, defaults)) {
      this.address.save(toQuery({ ...raw, seed: String(completed.seed) }, defaults));
    }
    this.stage.say(t("Your music is ready."));
    if (cancelHadFocus) this.page("result-title").focus();
    this.page("result").scrollIntoView({ block: "nearest" });
    this.history.add(piece);
  }

  #fail(error) {
    this.#stop()?.close();
    const fields = error instanceof ServiceError ? error.fields : {};
    const [ofSource, ofForm] = [{}, {}];
    for (const [name, why] of Object.entries(fields)) (SOURCE_FIELDS.includes(name) ? ofSource : ofForm)[name] = why;
    this.source.showError(Object.values(ofSource).flat().join(" "));
    const unplaced = this.form.showErrors(ofForm);
    if (Object.keys(fields).length > unplaced.length) this.stage.alert(unplaced.join(" "));
    else this.stage.alert(error.message + reference(error));
  }

  /** Ends the running generation, if there is one. */
  cancel() {
    if (!this.jobs.running) return;
    const cancelHadFocus = document.activeElement === this.page("cancel");
    this.#stop()?.close();
    this.stage.say(t("Cancelled."));
    if (cancelHadFocus) this.page("generate").focus();
  }

  #stop() {
    const player = this.jobs.end();
    this.#setBusy(false);
    return player;
  }

  #setBusy(busy) {
    this.page("generate").setAttribute("aria-disabled", String(busy));
    if (busy) this.stage.open();
    else this.stage.close();
  }

  /**
   * Goes on with the piece that is shown: a part of it becomes the sound to begin with, and the form says the rest.
   * @param {string} name "again", "onward" or "loop"
   * @param {{from: number, to: number, duration: number}} plan see actions.js
   * @param {Blob} file
   */
  async act(name, { from, to, duration }, file) {
    if (this.jobs.running) return;
    this.result.audio.pause();
    await this.source.take(file, { name: t("Your music"), use: "continuation", part: { from, to } });
    this.form.fill({ duration: String(duration), seed: "", loop: String(name === "loop") });
    this.address.save();
    await this.start();
  }

  /** Shows a piece that was made before, and its settings in the form. */
  showAgain(piece) {
    this.result.show(piece);
    if (!this.jobs.running) this.stage.close();
    this.form.replace(piece.raw);
    this.source.clear();
    this.followModel();
    this.address.save();
    this.page("result-title").focus();
    this.page("result").scrollIntoView({ block: "nearest" });
  }

  /**
   * Takes a file from outside: one of the service's own is shown with its settings, another becomes the sound to begin
   * with.
   * @param {File} file
   */
  async open(file) {
    this.stage.alert("");
    try {
      const recipe = await this.#recipeOf(file);
      if (recipe) await this.#showFile(file, recipe);
      else await this.source.take(file, { name: file.name, use: this.source.canFollow === true ? "melody" : "continuation" });
    } catch (error) {
      const unreadable = t("This browser cannot read “{name}” as sound.", { name: file.name });
      this.stage.alert(error instanceof DOMException ? unreadable : error.message);
    }
  }

  /** How the file was made; null if it does not say. Of a recipe that is of no use, the service says why. */
  async #recipeOf(file) {
    try {
      return await readRecipe(this.config.urls.recipe, file);
    } catch (error) {
      if (!(error instanceof ServiceError && "file" in error.fields)) throw error;
      if (error.code !== "no_recipe") this.stage.alert(error.fields.file.join(" "));
      return null;
    }
  }

  async #showFile(file, { request }) {
    const raw = fromRequest(request, this.form.rules);
    const title = this.findModel(request.model)?.title ?? String(request.model);
    this.showAgain(await openPiece(file, request, raw, title));
    // A piece that went on from another one can be made again from its own file.
    const { continuation_start: from, continuation_end: to } = request;
    if (to) await this.source.take(file, { name: file.name, use: "continuation", part: { from, to } });
    this.stage.say(t("The file's settings are in the form."));
  }

  /** What depends on the model that is chosen. */
  followModel() {
    this.source.modelCanFollow = this.findModel(this.page("model").value)?.melody ?? null;
  }
}

const reference = ({ id, message }) => (id && !message.includes(id) ? ` (id ${id})` : "");
