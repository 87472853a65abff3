// Lists renew themselves without jumping: rows are matched by id, and only those that changed are replaced.
import { refreshClocks } from "./clocks.js";
import { refreshSelection } from "./lists.js";

function busy(list) {
  return document.hidden || document.querySelector("dialog[open], details.menu[open]") || list.querySelector("input[type=text]:focus, textarea:focus");
}

function firstVisible(rows) {
  return rows.find((row) => row.getBoundingClientRect().bottom > 80);
}

function reconcile(list, fresh) {
  const place = list.querySelector("[data-rows]");
  const source = fresh.querySelector("[data-rows]");
  if (!place || !source) {
    // Without rows (a list that became empty or got its first ones, a page's part) it changes as a whole.
    if (!list.querySelector("[data-select]:checked") && !list.contains(document.activeElement)) list.replaceChildren(...fresh.childNodes);
    return;
  }
  const anchor = firstVisible([...place.children]);
  const before = anchor?.getBoundingClientRect().top;
  const known = new Map([...place.children].map((row) => [row.id, row]));
  const first = place.children.length === 0;
  const next = [...source.children].map((row) => {
    const old = known.get(row.id);
    if (!old) {
      if (!first) row.classList.add("is-fresh");
      return row;
    }
    if (old.dataset.raw === row.outerHTML || old.outerHTML === row.outerHTML) return old;
    const box = old.querySelector("[data-select]");
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    const raw = row.outerHTML;
    if (box?.checked) { const other = row.querySelector("[data-select]"); if (other) other.checked = true; }
    if (old.classList.contains("is-here")) row.classList.add("is-here");
    row.dataset.raw = raw;
    if (focused) queueMicrotask(() => (row.querySelector(focused.matches("[data-open]") ? "[data-open]" : "[data-select]") || row).focus?.({ preventScroll: true }));
    return row;
  });
  // Rows are moved only where the order differs: moving an element takes its focus away.
  next.forEach((row, index) => { if (place.children[index] !== row) place.insertBefore(row, place.children[index] || null); });
  while (place.children.length > next.length) place.lastElementChild.remove();
  if (anchor?.isConnected) window.scrollBy(0, anchor.getBoundingClientRect().top - before);
  refreshSelection(list);
}

async function renew(list) {
  if (!list.isConnected || busy(list)) return;
  try {
    const answer = await fetch(list.dataset.refreshUrl || location.href, { headers: { "HX-Request": "true", "HX-Target": list.id }, credentials: "same-origin" });
    if (!answer.ok || answer.redirected || busy(list)) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById(list.id);
    if (fresh) reconcile(list, fresh);
    document.querySelectorAll(`[data-refresh-with="${list.id}"][id]`).forEach((part) => {
      const other = page.getElementById(part.id);
      if (other && other.innerHTML !== part.innerHTML && !part.contains(document.activeElement)) part.replaceChildren(...other.childNodes);
    });
    window.htmx?.process(list);
    refreshClocks(list);
  } catch {
    // Offline for a moment: the next round tries again.
  }
}

document.querySelectorAll("[data-refresh][id]").forEach((list) => {
  list.querySelectorAll("[data-rows] > [id]").forEach((row) => { row.dataset.raw = row.outerHTML; });
  setInterval(() => renew(list), Number(list.dataset.refresh || 30) * 1000);
  if (list.dataset.refreshOn) document.addEventListener(list.dataset.refreshOn, () => renew(list));
});

export { renew };
