// Words of running limits stay true while the page is open: recomputed every 30 seconds from data-due.
import { durationWords, icon, say } from "./strings.js";

function refresh(element) {
  const left = new Date(element.dataset.due) - Date.now();
  const late = left < 0;
  const soon = left <= Number(element.dataset.warn || 120) * 60000;
  const tone = late ? "overdue" : soon ? "warning" : "normal";
  const text = say(late ? "over" : "left", { label: element.dataset.label || "", span: durationWords(left) });
  const words = element.querySelector("span");
  if (words && words.textContent !== text) words.textContent = text;
  if (!element.classList.contains(`clock--${tone}`)) {
    element.className = `clock clock--${tone}`;
    element.querySelector("svg")?.replaceWith(icon(late ? "alert-triangle" : soon ? "clock-exclamation" : "clock"));
  }
}

export function refreshClocks(root = document) {
  root.querySelectorAll("[data-due]").forEach(refresh);
}

setInterval(refreshClocks, 30000);
document.addEventListener("visibilitychange", () => !document.hidden && refreshClocks());

const opened = Date.now();
setInterval(() => {
  document.querySelectorAll("[data-elapsed]").forEach((counter) => {
    const seconds = Math.floor((Date.now() - opened) / 1000);
    counter.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  });
}, 1000);
