// Forms: no second submit, Ctrl+Enter, character counts, filling in, submitting on change.
import { isTyping, say } from "./strings.js";

const AGAIN = 20000; // a submit that has not answered by then may be repeated; the server knows repeats

export function guard(form, submitter) {
  form.dataset.submitted = "1";
  form.setAttribute("aria-busy", "true");
  // Disabled after the browser has read the form, so that the button's own name and value are sent.
  setTimeout(() => buttons(form).forEach((button) => {
    button.classList.toggle("is-busy", button === submitter);
    button.setAttribute("aria-disabled", "true");
  }), 0);
  setTimeout(() => release(form), AGAIN);
}

export function release(form) {
  delete form.dataset.submitted;
  form.removeAttribute("aria-busy");
  buttons(form).forEach((button) => {
    button.classList.remove("is-busy");
    button.removeAttribute("aria-disabled");
  });
}

function buttons(form) {
  return [...form.elements].filter((element) => element.type === "submit");
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || form.hasAttribute("data-no-guard") || form.hasAttribute("hx-post")) return;
  if (form.dataset.submitted) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  guard(form, event.submitter);
});
window.addEventListener("pageshow", (event) => event.persisted && document.querySelectorAll("form[data-submitted]").forEach(release));

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    const form = event.target.closest?.("form[data-ctrl-enter]") || (!isTyping(event.target) && document.querySelector("form[data-ctrl-enter]"));
    if (!form) return;
    event.preventDefault();
    const first = form.querySelector("[data-primary]") || form.querySelector("button.btn-primary, button[type=submit], button:not([type])");
    form.requestSubmit(first || undefined);
  }
});

// 1–9 choose a radio of form fields marked data-digits; while typing, with Alt.
document.addEventListener("keydown", (event) => {
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code || "");
  if (!digit || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
  if (isTyping(event.target) !== event.altKey && isTyping(event.target)) return;
  const set = event.target.closest?.("[data-digits]") || document.querySelector("[data-digits]");
  const radio = set?.querySelectorAll("input[type=radio]:not(:disabled)")[digit[1] - 1];
  if (!radio) return;
  event.preventDefault();
  radio.checked = true;
  radio.dispatchEvent(new Event("change", { bubbles: true }));
  if (!isTyping(event.target)) radio.focus();
});

document.addEventListener("change", (event) => {
  if (event.target.closest("[data-autosubmit]")) event.target.form?.requestSubmit();
});

// A list whose options carry a sentence (somebody on leave): it is shown while that one is chosen.
function caution(select) {
  const box = select.form?.querySelector("[data-option-note]");
  const text = box?.querySelector("[data-option-note-text]");
  if (!text) return;
  text.textContent = select.selectedOptions[0]?.dataset.note || "";
  box.hidden = !text.textContent;
}
function cautions(root) {
  root.querySelectorAll?.("select[name=handler]").forEach(caution);
}
document.addEventListener("change", (event) => event.target.matches("select[name=handler]") && caution(event.target));
document.addEventListener("htmx:afterSwap", (event) => event.target.matches?.("select[name=handler]") && caution(event.target));
document.addEventListener("content:added", (event) => cautions(event.detail));
document.addEventListener("htmx:load", (event) => cautions(event.detail.elt.parentElement || document));
cautions(document);

function count(area) {
  const note = document.querySelector(area.dataset.countTo);
  if (note) note.textContent = `${area.value.length} / ${area.maxLength}`;
}
document.addEventListener("input", (event) => event.target.matches("[data-count-to]") && count(event.target));
document.querySelectorAll("[data-count-to]").forEach(count);

export function fill(form, values) {
  for (const [name, value] of Object.entries(values)) {
    const field = form.elements[name];
    if (!field) continue;
    if (field instanceof RadioNodeList) field.value = value;
    else if (field.type === "checkbox") field.checked = Boolean(value);
    else field.value = value ?? "";
    const target = field instanceof RadioNodeList ? [...field].find((radio) => radio.checked) : field;
    target?.dispatchEvent(new Event("input", { bubbles: true }));
    target?.dispatchEvent(new Event("change", { bubbles: true }));
  }
}
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-fill]");
  if (!button) return;
  const form = button.dataset.fillForm ? document.querySelector(button.dataset.fillForm) : button.closest("form");
  if (form) fill(form, JSON.parse(button.dataset.fill));
});

// Leaving with typed text asks first (where no draft keeps it).
const dirty = new Set();
document.addEventListener("input", (event) => {
  const form = event.target.closest?.("form[data-warn-unsaved]");
  if (form) dirty.add(form);
});
document.addEventListener("submit", (event) => dirty.delete(event.target));
window.addEventListener("beforeunload", (event) => {
  if ([...dirty].some((form) => form.isConnected)) {
    event.preventDefault();
    event.returnValue = say("unsaved");
  }
});

// A page that came back with errors starts at them.
document.querySelector("[data-form-errors]")?.focus?.();
