// Notes in the corner. Good news leaves by itself, bad news waits to be read.
import { icon, make, say } from "./strings.js";

const region = document.getElementById("toasts");
const icons = { done: "circle-check", overdue: "alert-circle", warning: "alert-triangle", moving: "info-circle" };
const STAY = 7000;

function watch(note) {
  if (note.dataset.watched) return;
  note.dataset.watched = "1";
  const bad = note.dataset.toast === "keep" || note.matches(".toast-note--overdue, .toast-note--warning");
  if (!bad) setTimeout(() => !note.matches(":hover, :focus-within") && note.remove(), STAY);
}

export function toast(text, tone = "moving") {
  if (!region) return null;
  const close = make("button", { class: "toast-close", type: "button", "data-toast-close": "", "aria-label": say("close") }, icon("x"));
  const note = make("div", { class: `toast-note toast-note--${tone}`, role: tone === "overdue" ? "alert" : "status", "data-toast": "" }, icon(icons[tone] || "info-circle"), make("div", {}, text), close);
  region.append(note);
  watch(note);
  return note;
}

// Notes carried over a page change made by a script (see uploader.js).
const CARRIED = "carried-toasts";
export function carry(notes) {
  sessionStorage.setItem(CARRIED, JSON.stringify(notes));
}
for (const [text, tone] of JSON.parse(sessionStorage.getItem(CARRIED) || "[]")) toast(text, tone);
sessionStorage.removeItem(CARRIED);

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-toast-close]");
  if (button) button.closest("[data-toast]").remove();
});

if (region) {
  new MutationObserver(() => region.querySelectorAll("[data-toast]").forEach(watch)).observe(region, { childList: true });
  region.querySelectorAll("[data-toast]").forEach(watch);
}

// htmx answers: whole pages are never swapped into a part of a page; failures are told in words.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (xhr.status >= 400 && !xhr.getResponseHeader("HX-Retarget") && /^\s*<!doctype/i.test(xhr.responseText)) {
    event.detail.shouldSwap = false;
    toast(say(xhr.status === 403 ? "expired" : "serverBusy"), "overdue");
  } else if (xhr.status < 400 && xhr.responseURL && new URL(xhr.responseURL).pathname === "/login/") {
    event.detail.shouldSwap = false;
    toast(say("signInAgain"), "overdue");
  }
});
document.addEventListener("htmx:responseError", (event) => event.detail.xhr.status >= 500 && toast(say("serverBusy"), "overdue"));
document.addEventListener("htmx:sendError", () => toast(say("offline"), "overdue"));
