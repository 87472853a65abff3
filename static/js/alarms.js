// What must be acknowledged: a page left open shows a new one by itself, 我已知悉 changes nothing else on the page
// (half-written forms stay), and all tabs of a browser agree at once. Without scripts the forms post as they are.
import { say } from "./strings.js";
import { toast } from "./toasts.js";

const EVERY = 30000; // a look while the page is in sight
const EVERY_HIDDEN = 60000; // and while it is not
const LOST_AFTER = 4; // looks without an answer before the page says that it may be behind
const SETTLE = 600; // just after the lines moved, a click was meant for the line that stood there

const slot = document.querySelector("[data-alarms]");
const tabs = slot && "BroadcastChannel" in window ? new BroadcastChannel("alarms") : null;
const title = document.title;
let failures = 0;
let ended = false;
let moved = -SETTLE;
let timer = 0;

// How far down the banner reaches while it stands at the top (see alarms.css).
function measure() {
  const { position, top } = getComputedStyle(slot);
  const root = document.documentElement.style;
  if (slot.firstElementChild && position === "sticky") root.setProperty("--below-alarms", `${slot.offsetHeight + (parseFloat(top) || 0) + 8}px`);
  else root.removeProperty("--below-alarms");
}

function stayHere(form) {
  const next = form.querySelector("[name=next]");
  if (next && !next.value) next.value = location.pathname + location.search;
}

// Lines are matched by id: what stays is not touched, so that it is neither announced again nor loses the focus.
function take(text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  const fresh = page.querySelector("[data-alarms]");
  if (!fresh || fresh.dataset.mark === slot.dataset.mark) return;
  const had = slot.contains(document.activeElement);
  const known = new Map([...slot.querySelectorAll("form.alarm")].map((form) => [form.id, form]));
  const isNews = [...fresh.querySelectorAll("form.alarm")].some((form) => !known.has(form.id));
  const section = fresh.querySelector(".alarms");
  const old = slot.querySelector(".alarms");
  section?.querySelectorAll("form.alarm").forEach(stayHere);
  if (section && old) {
    const lines = [...section.children].map((line) => known.get(line.id) || line);
    [...old.children].forEach((line) => lines.includes(line) || line.remove());
    lines.forEach((line, index) => { if (old.children[index] !== line) old.insertBefore(line, old.children[index] || null); });
  } else slot.replaceChildren(...(section ? [section] : []));
  slot.dataset.mark = fresh.dataset.mark;
  moved = performance.now();
  if (had && !slot.contains(document.activeElement)) (slot.querySelector("form.alarm button") || document.getElementById("content"))?.focus({ preventScroll: true });
  if (isNews && document.hidden) document.title = `● ${slot.querySelector(".alarm-title")?.textContent || ""} · ${title}`;
  measure();
  document.dispatchEvent(new CustomEvent("alarms:changed")); // the inbox lists them as well
}

async function look() {
  clearTimeout(timer);
  try {
    const answer = await fetch(slot.dataset.alarms, { headers: { "HX-Request": "true" }, credentials: "same-origin", cache: "no-store" });
    if (answer.redirected) {
      if (!ended) toast(say("alarmsSignIn"), "overdue");
      ended = true;
      return;
    }
    if (!answer.ok) throw new Error(answer.status);
    take(await answer.text());
    failures = 0;
    ended = false;
  } catch {
    failures += 1;
    if (failures === LOST_AFTER) toast(say("alarmsLost"), "overdue");
  } finally {
    clearTimeout(timer);
    if (!ended) timer = setTimeout(look, document.hidden ? EVERY_HIDDEN : EVERY);
  }
}

async function acknowledge(form) {
  if (form.dataset.submitted || performance.now() - moved < SETTLE) return;
  form.dataset.submitted = "1";
  const words = form.querySelector(".alarm-title").textContent;
  try {
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { "HX-Request": "true" }, credentials: "same-origin" });
    if (answer.redirected || answer.status === 403) {
      form.submit(); // signed out, or a page too old for its token: the plain way says what to do
      return;
    }
    if (answer.ok) {
      take(await answer.text());
      toast(say("acknowledged", { title: words }), "done");
      tabs?.postMessage(slot.dataset.mark);
    } else if (answer.status === 404) await look(); // taken back meanwhile
    else toast(say("serverBusy"), "overdue");
  } catch {
    toast(say("offline"), "overdue");
  } finally {
    delete form.dataset.submitted;
  }
}

if (slot) {
  slot.querySelectorAll("form.alarm").forEach(stayHere);
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-alarms] form.alarm")) return;
    event.preventDefault();
    acknowledge(event.target);
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    document.title = title;
    look(); // also after the sign-in had ended: there may be another by now
  });
  window.addEventListener("pageshow", (event) => event.persisted && look());
  window.addEventListener("resize", measure);
  if (tabs) tabs.onmessage = (event) => event.data !== slot.dataset.mark && look();
  tabs?.postMessage(slot.dataset.mark);
  measure();
  timer = setTimeout(look, EVERY);
}
