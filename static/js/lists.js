// Lists by keyboard, and the bar for what is selected.
import { isTyping, say } from "./strings.js";

const rowsOf = (list) => [...list.querySelectorAll("[data-row]")];
const boxOf = (row) => row.querySelector("[data-select]");

function here() {
  return document.querySelector("[data-list] [data-row].is-here");
}

function moveTo(row) {
  here()?.classList.remove("is-here");
  if (!row) return;
  row.classList.add("is-here");
  row.querySelector("[data-open]")?.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

function select(row, on) {
  const box = boxOf(row);
  if (!box) return;
  box.checked = on ?? !box.checked;
  box.dispatchEvent(new Event("change", { bubbles: true }));
}

export function refreshSelection(list) {
  const rows = rowsOf(list);
  const chosen = rows.filter((row) => boxOf(row)?.checked);
  rows.forEach((row) => row.classList.toggle("is-selected", chosen.includes(row)));
  list.querySelector(".list")?.classList.toggle("is-selecting", chosen.length > 0 || list.hasAttribute("data-selecting"));
  const bar = (list.closest("form") || document).querySelector("[data-bulk-bar]");
  if (bar) {
    bar.hidden = chosen.length === 0;
    bar.querySelector("[data-bulk-count]").textContent = say("selected", { n: chosen.length });
  }
  const all = list.querySelector("[data-select-all]");
  if (all) {
    all.checked = rows.length > 0 && chosen.length === rows.length;
    all.indeterminate = chosen.length > 0 && chosen.length < rows.length;
  }
}

function clear(list) {
  rowsOf(list).forEach((row) => { const box = boxOf(row); if (box) box.checked = false; });
  refreshSelection(list);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const list = document.querySelector("[data-list]");
  if (!list) return;
  const rows = rowsOf(list);
  const at = rows.indexOf(here());
  const key = event.key.toLowerCase();
  if (key === "j") { event.preventDefault(); moveTo(rows[Math.min(at + 1, rows.length - 1)]); }
  else if (key === "k") { event.preventDefault(); moveTo(rows[Math.max(at - 1, 0)]); }
  else if (key === "x" && at >= 0) { event.preventDefault(); select(rows[at]); }
  else if (key === "enter" && at >= 0 && !event.target.closest("a, button, input")) rows[at].querySelector("[data-open]")?.click();
  else if (key === "escape" && list.querySelector("[data-select]:checked")) clear(list);
});

document.addEventListener("focusin", (event) => {
  const row = event.target.closest("[data-list] [data-row]");
  if (row && event.target.matches("[data-open]") && row !== here()) {
    here()?.classList.remove("is-here");
    row.classList.add("is-here");
  }
});

let last = null;
document.addEventListener("click", (event) => {
  const cancel = event.target.closest("[data-bulk-cancel]");
  if (cancel) return document.querySelectorAll("[data-list]").forEach(clear);
  const box = event.target.closest("[data-select]");
  if (box) {
    // Shift selects everything between the last one and this.
    const list = box.closest("[data-list]");
    const rows = rowsOf(list);
    const from = last && rows.indexOf(last.closest("[data-row]"));
    if (event.shiftKey && from >= 0) {
      const to = rows.indexOf(box.closest("[data-row]"));
      rows.slice(Math.min(from, to), Math.max(from, to) + 1).forEach((row) => { const other = boxOf(row); if (other) other.checked = box.checked; });
      refreshSelection(list);
    }
    last = box;
    return undefined;
  }
  const row = event.target.closest("[data-list] tr[data-row]");
  if (row && !event.target.closest("a, button, input, label, summary, .cell-select") && !String(getSelection())) {
    const link = row.querySelector("[data-open]");
    if (!link) return undefined;
    if (event.ctrlKey || event.metaKey) window.open(link.href, "_blank", "noopener");
    else link.click();
  }
  return undefined;
});

document.addEventListener("change", (event) => {
  const all = event.target.closest("[data-select-all]");
  const list = event.target.closest("[data-list]");
  if (!list) return;
  if (all) rowsOf(list).forEach((row) => { const box = boxOf(row); if (box && !box.disabled) box.checked = all.checked; });
  if (all || event.target.matches("[data-select]")) refreshSelection(list);
});

// A long press on the phone starts selecting, as people know it from their other apps.
let press = 0;
document.addEventListener("touchstart", (event) => {
  const row = event.target.closest("[data-list] [data-row]");
  if (!row || !boxOf(row)) return;
  press = setTimeout(() => { press = 0; select(row, true); navigator.vibrate?.(10); }, 550);
}, { passive: true });
["touchend", "touchmove", "touchcancel"].forEach((name) => document.addEventListener(name, () => { clearTimeout(press); press = 0; }, { passive: true }));

document.querySelectorAll("[data-list]").forEach(refreshSelection);
window.addEventListener("pageshow", () => document.querySelectorAll("[data-list]").forEach(refreshSelection));
