// The counter's form: the caller's card follows who is picked, category and urgency follow the words until a
// person decides, and every step is reached by keys. Without scripts the same form works in plain steps.
import { icon, make } from "./strings.js";
import { toast } from "./toasts.js";

const WAIT = 250;
const form = () => document.getElementById("intake");
const field = (id) => document.getElementById(`id_${id}`);
let timer = 0;
let asking;

function values(names) {
  const data = new FormData(form());
  const query = new URLSearchParams();
  names.forEach((name) => data.getAll(name).forEach((value) => value && query.append(name, value)));
  return query;
}

// --- who ---
let cardFor = "";
async function card() {
  const place = document.getElementById("caller");
  const query = values(["who", "kind", "category", "link"]);
  form().toggleAttribute("data-picked", Boolean(query.get("who")));
  if (!query.get("who") || query.toString() === cardFor) return;
  cardFor = query.toString();
  const answer = await fetch(`${form().dataset.cardUrl}?${query}`, { headers: { "HX-Request": "true" }, credentials: "same-origin" }).catch(() => null);
  if (query.toString() !== cardFor) return; // somebody else was picked meanwhile
  if (!answer?.ok || answer.redirected) { cardFor = ""; return; } // asked again with the next change
  // What was decided on the card while it was on its way stays decided.
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").body.childNodes;
  const payer = field("payer")?.value;
  const ticked = [...place.querySelectorAll("[name=link]")].map((box) => [box.value, box.checked]);
  const at = place.contains(document.activeElement) ? document.activeElement.value : null;
  place.replaceChildren(...fresh);
  if (payer && field("payer")) field("payer").value = payer;
  ticked.forEach(([value, checked]) => place.querySelectorAll(`[name=link][value="${CSS.escape(value)}"]`).forEach((box) => { box.checked = checked; }));
  if (at) place.querySelector(`[name=link][value="${CSS.escape(at)}"]`)?.focus();
  contact();
  announce(place);
}

// On the phone the card stands below the form: what must not be missed is said at once.
let told = "";
function announce(place) {
  const words = [...place.querySelectorAll(".alert-note strong")].map((title) => title.textContent.trim()).join("；");
  if (words && words !== told && window.matchMedia("(max-width: 767.98px)").matches) toast(words, "warning");
  told = words;
}

// What the file knows stays masked; an empty field means "as in the file".
function contact() {
  const known = document.querySelector("[data-caller-contact]");
  const name = field("contact_name");
  const phone = field("contact_phone");
  if (!name || !phone) return;
  name.placeholder = known?.dataset.callerContact || "";
  phone.placeholder = known?.dataset.callerPhone || "";
}

// --- what the words suggest ---
const decided = { category: false, urgency: false };

function later() {
  clearTimeout(timer);
  timer = setTimeout(suggest, WAIT);
}

async function suggest() {
  const query = values(["kind", "appointment_at", "level", "is_collective"]);
  query.set("description", field("description").value.slice(0, 500));
  if (decided.category) query.set("category", field("category").value);
  if (decided.urgency) values(["urgency"]).forEach((value) => query.set("urgency", value));
  asking?.abort();
  asking = new AbortController();
  const answer = await fetch(`${form().dataset.suggestUrl}?${query}`, { signal: asking.signal, credentials: "same-origin" }).catch(() => null);
  if (answer?.ok && !answer.redirected) show(await answer.json());
}

function show({ categories, urgency, promise }) {
  const [first, ...others] = categories;
  if (!decided.category) put(first);
  hints(decided.category ? categories.filter((one) => String(one.value) !== field("category").value) : others, !decided.category && first);
  if (!decided.urgency) {
    form().querySelectorAll("[name=urgency]").forEach((radio) => { radio.checked = radio.value === urgency; });
  }
  hurry(urgency);
  const words = form().querySelector("[data-promise]");
  if (words && words.textContent !== promise) words.textContent = promise;
  card();
}

// How urgent a repair is, is always asked; of the other kinds where the words sound like it. What is not shown is not
// sent: then the server goes by the words themselves.
function hurry(urgency) {
  const kind = form().querySelector("[name=kind]:checked")?.value;
  const asked = kind === "repair" || (kind !== "praise" && (urgency !== "normal" || decided.urgency));
  form().toggleAttribute("data-hurry", asked);
  form().querySelectorAll("[name=urgency]").forEach((radio) => { radio.disabled = !asked; });
}

function put(category) {
  field("category").value = category?.value ?? "";
  field("category_find").value = category?.label ?? "";
}

function hints(categories, suggested) {
  const place = form().querySelector("[data-category-hints]");
  const words = suggested ? [make("span", { class: "intake-suggested" }, place.dataset.suggested)] : [];
  place?.replaceChildren(...words, ...categories.map((one) => {
    const button = make("button", { type: "button", class: "link-button", "data-category": one.value, tabindex: "-1" }, one.label);
    button.addEventListener("click", () => { put(one); decided.category = true; later(); });
    return button;
  }));
}

// --- people a complaint is about ---
function addPerson({ value, label }) {
  const place = form().querySelector("[data-people]");
  if (place.querySelector(`input[value="${CSS.escape(value)}"]`)) return;
  const remove = make("button", { type: "button", "data-remove-person": "", "aria-label": `${place.dataset.people} ${label}` }, icon("x", "icon-sm"));
  const chip = make("span", { class: "chip" }, label, remove, make("input", { type: "hidden", name: "subjects", value }));
  place.append(chip);
}

// --- events ---
document.addEventListener("lookup:select", (event) => {
  if (!form()?.contains(event.target)) return;
  if (event.target.id === "id_find") {
    form().querySelector(".intake-candidates")?.remove();
    form().querySelector("[name=kind]:checked")?.focus();
  } else if (event.target.id === "id_subjects_find") {
    addPerson(event.detail);
    event.target.value = "";
  } else if (event.target.id === "id_category_find") {
    decided.category = true;
    later();
  }
});

document.addEventListener("change", (event) => {
  const { target } = event;
  if (!form() || !(target.form === form())) return;
  if (target.hasAttribute("data-candidate")) { field("who").value = target.value; card(); }
  else if (target.id === "id_who") { card(); if (!target.value) idle(); }
  else if (target.name === "kind") { decided.category = false; put(null); later(); }
  else if (target.name === "urgency") { decided.urgency = true; later(); }
  else if (["appointment_at", "level", "is_collective", "category"].includes(target.name)) later();
});

function idle() {
  cardFor = "";
  form().removeAttribute("data-picked");
}

document.addEventListener("input", (event) => {
  if (!form() || event.target.form !== form()) return;
  if (event.target.id === "id_description") later();
  else if (event.target.id === "id_category_find") decided.category = event.target.value.trim() !== "";
});

// The same as last time: its category is a decision, and the next key is Ctrl+Enter.
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
  const gone = event.target.closest("[data-remove-person]");
  if (gone) { gone.closest(".chip").remove(); field("subjects_find").focus(); }
  if (!event.target.closest("[data-again]")) return;
  decided.category = decided.urgency = true;
  const words = field("description");
  words.focus();
  words.setSelectionRange(words.value.length, words.value.length);
});

// A digit picks the kind, and the hand goes on to the words.
document.addEventListener("keydown", (event) => {
  if (!form() || !/^(?:Digit|Numpad)[1-5]$/.test(event.code) || event.ctrlKey || event.metaKey) return;
  if (event.target.matches?.("[name=kind]")) setTimeout(() => field("description").focus(), 0);
});

// The owner calls about what is open already: written down there, and the form stays as it is.
document.addEventListener("submit", async (event) => {
  if (!event.target.matches("[data-urge]")) return;
  event.preventDefault();
  const body = new FormData(event.target);
  values(["source"]).forEach((value) => body.set("source", value));
  const button = event.target.querySelector("button");
  button.disabled = true;
  const answer = await fetch(event.target.action, { method: "POST", body, headers: { "HX-Request": "true" }, credentials: "same-origin" }).catch(() => null);
  if (!answer?.ok || answer.redirected) { button.disabled = false; toast(event.target.dataset.failed, "warning"); return; }
  const words = await answer.text();
  event.target.replaceWith(make("strong", { class: "tone-warning", tabindex: "-1" }, words));
  toast(words);
});

// Enter in a field is not a press of the button; before the list has come it means "the first of them".
let eager = 0;
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.ctrlKey || event.metaKey || event.isComposing || event.defaultPrevented) return;
  const { target } = event;
  if (!form() || target.form !== form() || !target.matches("input:not([type=submit])")) return;
  event.preventDefault();
  if (target.matches("[type=radio], [type=checkbox]")) return;
  if (target.dataset.lookupUrl && target.value.trim()) {
    eager = Date.now();
    waitFor(target, target.value);
  }
});

function waitFor(input, words) {
  const list = document.getElementById(input.getAttribute("aria-controls"));
  if (!list || input.value !== words || Date.now() - eager > 3000 || document.activeElement !== input) return;
  const first = !list.hidden && list.querySelector("[role=option]");
  if (first) first.click();
  else setTimeout(() => waitFor(input, words), 60);
}

// Ctrl+Enter works wherever the hand is, also beside the form.
function begin() {
  document.querySelectorAll("[data-print]").forEach((button) => { button.hidden = false; });
  const page = form();
  if (!page) return;
  // A page that came by script carries its plain steps as real fields: away with them.
  page.querySelectorAll("noscript").forEach((plain) => plain.remove());
  decided.category = Boolean(field("category").value || field("category_find").value);
  decided.urgency = Boolean(page.querySelector("[name=urgency]:checked"));
  contact();
  if (field("who").value) card();
  if (field("description").value) later();
}
begin();
document.addEventListener("content:added", begin);
