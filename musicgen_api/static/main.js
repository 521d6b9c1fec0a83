// The page's parts, connected with each other and with what people press.

import { Address } from "./address.js";
import { convert } from "./api.js";
import { acceptDrops } from "./drop.js";
import { SettingsForm } from "./form.js";
import { HistoryView } from "./history-view.js";
import { currentLanguage, speak, t, translateDocument } from "./i18n.js";
import { Jobs } from "./job.js";
import { forgetKey, storedKey } from "./key.js";
import { LiveView } from "./live-view.js";
import { watchReadiness } from "./readiness.js";
import { Result } from "./result.js";
import { createRules } from "./settings.js";
import { Source } from "./source.js";
import { Stage } from "./stage.js";
import { Studio } from "./studio.js";

const page = (id) => document.getElementById(id);

const formElement = page("settings");
const config = JSON.parse(formElement.dataset.config);
const limits = {
  maxPromptChars: config.limits.max_prompt_chars,
  maxDurationS: config.limits.max_duration_s,
  maxTakes: config.limits.max_takes,
  loudness: config.limits.loudness,
  models: config.models.map((model) => model.id),
};

translateDocument();
const form = new SettingsForm(formElement, createRules(limits), limits);
const address = new Address(form);
const stage = new Stage(page("stage"));
const jobs = new Jobs(config.urls.music, stage, new LiveView(page("live")));
const source = new Source(page("source"), { onFile: (file) => studio.open(file) });
const result = new Result(page("result"), {
  defaults: form.defaults,
  maxDurationS: limits.maxDurationS,
  onAction: (name, plan, file) => studio.act(name, plan, file),
  onConvert: (file, format) => convert(config.urls.convert, file, format),
});
const history = new HistoryView(page("history"), (piece) => studio.showAgain(piece));
const studio = new Studio({ address, form, history, jobs, result, source, stage }, config, page);

function restore() {
  address.restore();
  studio.followModel();
}

function keepSeed() {
  const seed = page("seed-used").textContent;
  form.fill({ seed });
  address.save();
  stage.say(t("Seed {seed} is kept for the next piece.", { seed }));
}

function tryExample(event) {
  const example = event.target.closest("[data-example]");
  if (!example) return;
  form.fill({ description: example.textContent.trim() });
  address.save();
  page("description").focus();
}

function onKey(event) {
  if (event.defaultPrevented || event.isComposing || page("key-dialog").open) return;
  if (event.key === "Escape" && jobs.running) studio.cancel();
  else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) studio.start();
  else if (isTakeKey(event)) result.choose(Number(event.key) - 1);
  else return;
  event.preventDefault();
}

/** A digit chooses a take, but not while it may be meant for a field. */
function isTakeKey({ key, target, ctrlKey, metaKey, altKey }) {
  const elsewhere = target === document.body || page("result").contains(target);
  return /^[1-8]$/.test(key) && elsewhere && !target.matches("input, select") && !(ctrlKey || metaKey || altKey);
}

function showKey() {
  page("forget-key").hidden = storedKey() === "";
}

function connect() {
  formElement.addEventListener("submit", (event) => {
    event.preventDefault();
    studio.start();
  });
  formElement.addEventListener("input", () => address.saveSoon());
  formElement.addEventListener("change", () => studio.followModel());
  document.addEventListener("keydown", onKey);
  acceptDrops(page("curtain"), (file) => studio.open(file));
  page("examples").addEventListener("click", tryExample);
  page("reset-advanced").addEventListener("click", () => {
    form.resetAdvanced();
    address.save();
  });
  page("cancel").addEventListener("click", () => studio.cancel());
  page("try-now").addEventListener("click", () => jobs.hurry());
  page("keep-seed").addEventListener("click", keepSeed);
  page("language").value = currentLanguage();
  page("language").addEventListener("change", ({ target }) => speak(target.value));
  page("forget-key").addEventListener("click", () => {
    forgetKey();
    showKey();
  });
  document.addEventListener("keychange", showKey);
  window.addEventListener("pagehide", () => studio.cancel());
  window.addEventListener("hashchange", restore);
}

restore();
connect();
showKey();
if (page("unready")) watchReadiness(config.urls.ready, page("unready"), page("unready-reason"));
page("generate").disabled = false;
