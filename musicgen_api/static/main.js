// The page's conductor: connects form, address bar, service and stage. At most one generation runs at a time; whatever
// a replaced or cancelled one still says is ignored.

import { createMusic, ServiceError } from "./api.js";
import { SettingsForm } from "./form.js";
import { countDown, generate } from "./generation.js";
import { Progress } from "./progress.js";
import { watchReadiness } from "./readiness.js";
import { Result } from "./result.js";
import { createRules, fromQuery, toQuery } from "./settings.js";
import { Stage } from "./stage.js";

const TICK_MS = 250;
const SAVE_AFTER_MS = 300;
const WHY_BUSY = "It makes one piece of music at a time, and is at work on another or still starting.";

const page = (id) => document.getElementById(id);
const nowS = () => performance.now() / 1000;

const formElement = page("settings");
const config = JSON.parse(formElement.dataset.config);
const limits = {
  maxPromptChars: config.limits.max_prompt_chars,
  maxDurationS: config.limits.max_duration_s,
  models: config.models.map((model) => model.id),
};
const rules = createRules(limits);
const form = new SettingsForm(formElement, rules, limits);
const stage = new Stage(page("stage"));
const result = new Result(page("result"));

/** The running generation's AbortController, or null. */
let running = null;
let saveTimer = 0;
let hurry = () => {};

const currentQuery = () => toQuery(form.read(), form.defaults);

/** Puts the form's settings, or another query, into the address bar: behind `#`, which browsers never send. */
function save(query = currentQuery()) {
  clearTimeout(saveTimer);
  history.replaceState(null, "", query ? `${location.pathname}#${query}` : location.pathname);
}

/** Fills the form from the address. Older links say it behind `?`: their settings move before anything else is sent. */
function restore() {
  const query = (location.hash || location.search).slice(1);
  save(query);
  form.replace(fromQuery(query, Object.keys(rules)));
}

async function start() {
  if (running) return;
  const settings = form.parse();
  if (!settings) return;
  const raw = form.read();
  const controller = new AbortController();
  running = controller;
  setBusy(true);
  try {
    const completed = await follow(settings, controller);
    if (running === controller) finish(completed, settings, raw);
  } catch (error) {
    if (running === controller) fail(error);
  }
}

/** Runs one generation to its `completed` event and keeps the stage up to date. */
async function follow(settings, controller) {
  let progress = new Progress(nowS());
  const show = () => running === controller && progress && stage.showProgress(progress.view(nowS()), nowS());
  const ticking = setInterval(show, TICK_MS);
  show();
  try {
    return await generate({
      request: () => {
        progress = new Progress(nowS());
        return createMusic(config.urls.music, settings, controller.signal);
      },
      onEvent: (event) => {
        progress.update(event, nowS());
        show();
      },
      onBusy: (busy, attempt) => {
        progress = null;
        return waitWhileBusy(busy, attempt, controller.signal);
      },
    });
  } finally {
    clearInterval(ticking);
  }
}

function waitWhileBusy(busy, attempt, signal) {
  const reason = busy.code === "busy" ? WHY_BUSY : busy.message;
  const waiting = countDown(busy.retryAfterS, signal, (left) => stage.showBusy(reason, left, attempt));
  hurry = waiting.hurry;
  return waiting.done;
}

function finish(completed, settings, raw) {
  const cancelHadFocus = document.activeElement === page("cancel");
  const model = config.models.find(({ id }) => id === settings.model);
  const query = toQuery({ ...raw, seed: String(completed.seed) }, form.defaults);
  try {
    result.show(completed, { settings, query, modelTitle: model.title });
  } catch (error) {
    fail(new ServiceError({ error: `The service's audio cannot be read: ${error.message}.` }));
    return;
  }
  stop();
  // The seed belongs into the address bar only while the form still says what was asked for.
  if (currentQuery() === toQuery(raw, form.defaults)) save(query);
  stage.say("Your music is ready.");
  if (cancelHadFocus) page("result-title").focus();
  page("result").scrollIntoView({ block: "nearest" });
}

function fail(error) {
  stop();
  const unplaced = error instanceof ServiceError ? form.showErrors(error.fields) : [];
  const placed = error instanceof ServiceError && Object.keys(error.fields).length > unplaced.length;
  if (placed && unplaced.length === 0) return;
  const reference = error.id && !error.message.includes(error.id) ? ` (id ${error.id})` : "";
  stage.alert(placed ? unplaced.join(" ") : error.message + reference);
}

function cancel() {
  if (!running) return;
  const cancelHadFocus = document.activeElement === page("cancel");
  running.abort();
  stop();
  stage.say("Cancelled.");
  if (cancelHadFocus) page("generate").focus();
}

function stop() {
  running = null;
  setBusy(false);
}

function setBusy(busy) {
  page("generate").setAttribute("aria-disabled", String(busy));
  if (busy) stage.open();
  else stage.close();
}

function keepSeed() {
  form.fill({ seed: page("seed-used").textContent });
  save();
  stage.say(`Seed ${page("seed-used").textContent} is kept for the next piece.`);
}

function tryExample(event) {
  const example = event.target.closest("[data-example]");
  if (!example) return;
  form.fill({ description: example.textContent.trim() });
  save();
  page("description").focus();
}

function onKey(event) {
  if (event.defaultPrevented || event.isComposing) return;
  if (event.key === "Escape" && running) cancel();
  else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) start();
  else return;
  event.preventDefault();
}

function connect() {
  formElement.addEventListener("submit", (event) => {
    event.preventDefault();
    start();
  });
  formElement.addEventListener("input", () => {
    clearTimeout(saveTimer);
    saveTimer = setTimeout(() => save(), SAVE_AFTER_MS);
  });
  document.addEventListener("keydown", onKey);
  page("examples").addEventListener("click", tryExample);
  page("reset-advanced").addEventListener("click", () => {
    form.resetAdvanced();
    save();
  });
  page("cancel").addEventListener("click", cancel);
  page("try-now").addEventListener("click", () => hurry());
  page("keep-seed").addEventListener("click", keepSeed);
  window.addEventListener("pagehide", cancel);
  window.addEventListener("hashchange", restore);
}

restore();
connect();
if (page("unready")) watchReadiness(config.urls.ready, page("unready"), page("unready-reason"));
page("generate").disabled = false;
