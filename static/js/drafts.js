// Typed text outlives a closed tab: form[data-draft="key"] is kept in this browser, for this person, for a day.
import { fill } from "./forms.js";
import { make, say, timeWords } from "./strings.js";

const user = document.body.dataset.user || "guest";
const PREFIX = "draft:";
const DAY = 24 * 3600 * 1000;
const SENT = "draft-sent";

const nameOf = (form) => `${PREFIX}${user}:${form.dataset.draft}`;

function store(action) {
  try { return action(localStorage); } catch { return null; } // private windows and full disks
}

function read(form) {
  const values = {};
  for (const element of form.elements) {
    if (!element.name || ["hidden", "file", "password", "submit", "button"].includes(element.type) && !element.hasAttribute("data-draft-keep")) continue;
    if (element.type === "radio") { if (element.checked) values[element.name] = element.value; }
    else if (element.type === "checkbox") { if (element.checked) values[element.name] = true; }
    else if (element.value !== element.defaultValue || element.value) values[element.name] = element.value;
  }
  return values;
}

function note(form, text, withDrop) {
  const place = form.querySelector("[data-draft-note]") || document.querySelector("[data-draft-note]");
  if (!place) return;
  place.textContent = text;
  if (withDrop) {
    const drop = make("button", { type: "button", class: "link-button" }, say("draftDrop"));
    drop.addEventListener("click", () => { forget(nameOf(form)); form.reset(); place.textContent = ""; });
    place.append(" ", drop);
  }
}

function forget(name) {
  store((storage) => storage.removeItem(name));
}

function keep(form) {
  const values = read(form);
  const typed = Object.values(values).some((value) => typeof value === "string" && value.trim().length > 1);
  if (!typed) return;
  store((storage) => storage.setItem(nameOf(form), JSON.stringify({ at: Date.now(), values })));
  note(form, say("draftSaved", { time: timeWords() }));
}

function restore(form) {
  const sent = sessionStorage.getItem(SENT);
  const refused = form.querySelector("[data-form-errors], [aria-invalid=true], .field-errors");
  if (sent === nameOf(form)) {
    sessionStorage.removeItem(SENT);
    if (!refused) return forget(sent);
  }
  if (refused) return undefined; // the server gave the typed text back
  const draft = store((storage) => JSON.parse(storage.getItem(nameOf(form)) || "null"));
  if (!draft || Date.now() - draft.at > DAY) return forget(nameOf(form));
  fill(form, draft.values);
  note(form, say("draftRestored", { time: timeWords(new Date(draft.at)) }), true);
  return undefined;
}

function watch(form) {
  restore(form);
  let timer = 0;
  const later = () => { clearTimeout(timer); timer = setTimeout(() => keep(form), 600); };
  form.addEventListener("input", later);
  form.addEventListener("change", later);
  form.addEventListener("submit", () => { clearTimeout(timer); keep(form); sessionStorage.setItem(SENT, nameOf(form)); });
  window.addEventListener("pagehide", () => timer && form.isConnected && !form.dataset.submitted && keep(form));
}

const forms = document.querySelectorAll("form[data-draft]");
const sent = sessionStorage.getItem(SENT);
if (sent && ![...forms].some((form) => nameOf(form) === sent)) {
  // The next page is another one, seen by the same person: what was sent has arrived. Somebody else, or
  // nobody (the sign-in page), means that the session ran out; then the draft stays for its writer.
  sessionStorage.removeItem(SENT);
  if (sent.startsWith(`${PREFIX}${user}:`)) forget(sent);
}
forms.forEach(watch);
document.addEventListener("content:added", (event) => event.detail.querySelectorAll("form[data-draft]").forEach(watch));

// Signing out leaves nothing of an owner's words on a shared counter PC.
document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-sign-out]")) return;
  store((storage) => Object.keys(storage).filter((name) => name.startsWith(PREFIX)).forEach((name) => storage.removeItem(name)));
  sessionStorage.clear();
});
