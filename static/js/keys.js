// Single keys, never while typing: `/` search, `?` help, and whatever carries data-shortcut.
import { isTyping, make } from "./strings.js";

function plain(event) {
  return !event.ctrlKey && !event.metaKey && !event.altKey && !event.isComposing && !isTyping(event.target) && !document.querySelector("dialog[open]");
}

document.addEventListener("keydown", (event) => {
  if (!plain(event)) return;
  if (event.key === "/") {
    const search = document.querySelector("[data-search]");
    if (search) { event.preventDefault(); search.focus(); search.select(); }
  } else if (event.key === "?") {
    const help = document.getElementById("keys-dialog");
    if (help) { event.preventDefault(); list(help); help.showModal(); }
  } else if (/^[a-z]$/i.test(event.key) && !event.shiftKey) {
    const target = document.querySelector(`[data-shortcut="${event.key.toLowerCase()}"]`);
    if (target) { event.preventDefault(); target.click(); }
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.matches?.("[data-search]")) event.target.blur();
});

function list(help) {
  const place = help.querySelector("[data-keys]");
  place.querySelectorAll(".is-page").forEach((node) => node.remove());
  const seen = new Set();
  document.querySelectorAll("[data-shortcut]").forEach((element) => {
    const key = element.dataset.shortcut.toUpperCase();
    if (seen.has(key)) return;
    seen.add(key);
    const words = element.getAttribute("aria-label") || [...element.childNodes].filter((node) => !node.matches?.("kbd, svg, .count")).map((node) => node.textContent).join("").trim();
    place.append(make("dt", { class: "is-page" }, make("kbd", {}, key)), make("dd", { class: "is-page" }, words));
  });
}
