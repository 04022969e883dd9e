/* Connecting: generate the key, count down, notice the pairing, run the checks. */
import { at, follow } from "./live.js";

const box = at("connect");
const words = box.dataset;
const kept = `key ${words.id}`;
const show = (id, is) => { if (at(id)) at(id).hidden = !is; };
let timer = 0;
let checked = false;

async function call(method, path) {
  const response = await fetch(`${words.at}/${path}`, {
    method, headers: { "X-CSRF-Token": words.csrf, Accept: "application/json" }, cache: "no-store",
  });
  if (response.redirected) throw Object.assign(new Error(words.ended), { remedy: "" });
  const data = await response.json().catch(() => ({}));
  if (response.ok) return data;
  throw Object.assign(new Error(data.detail || words.other), { remedy: data.remedy || "" });
}

function fail(error) {
  at("message-says").textContent = error.message || words.other;
  at("message-do").textContent = error.remedy || "";
  show("message", true);
}

/* Write only what changed, so that a screen reader says it once. */
function speak(text) { if (at("spoken").textContent !== text) at("spoken").textContent = text; }

function forget() {
  clearInterval(timer);
  sessionStorage.removeItem(kept);
  show("key-box", false);
  if (at("key")) at("key").textContent = "";
}

function present(key, ends) {
  at("key").textContent = key;
  show("key-box", true);
  show("lost", false);
  at("mint").textContent = words.again;
  clearInterval(timer);
  const tick = () => {
    const left = Math.max(0, Math.round((ends - Date.now()) / 1000));
    if (!left) { forget(); speak(words.over); show("lost", false); return; }
    at("left").textContent = words.good.replace("%s", `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`);
    if ([540, 300, 120, 60].includes(left)) speak(words.minutes.replace("%s", left / 60));
  };
  tick();
  timer = setInterval(tick, 1000);
}

/* After a reload: the key of this tab, if the server still takes it. */
function remember(left) {
  const { key, ends } = JSON.parse(sessionStorage.getItem(kept) || "{}");
  const isOurs = left > 0 && ends && Math.abs((ends - Date.now()) / 1000 - left) < 5;
  if (isOurs) present(key, ends);
  else {
    sessionStorage.removeItem(kept);
    if (left > 0) { show("lost", true); at("mint").textContent = words.again; }
  }
}

async function check() {
  const button = at("validate");
  const before = button.textContent;
  button.textContent = words.checking;
  button.setAttribute("aria-busy", "true");
  try {
    const found = await call("POST", "validate");
    show("message", false);
    at("checks").replaceChildren(...found.checks.map((each) => {
      const line = at("check").content.firstElementChild.cloneNode(true);
      line.querySelector(".mark").textContent = each.mark;
      line.querySelector(".mark").classList.add(each.look);
      ["name", "spoken", "question", "finding", "remedy"].forEach((part) => { line.querySelector(`.${part}`).textContent = each[part]; });
      return line;
    }));
  } catch (error) { fail(error); } finally {
    button.textContent = before;
    button.removeAttribute("aria-busy");
  }
}

function noticed(shown) {
  show("trouble", false);
  if (shown.is.paired) {
    forget();
    if (!checked) { checked = true; check(); }
  }
  return shown;
}

at("mint")?.addEventListener("click", async () => {
  try {
    const made = await call("POST", "otp");
    const ends = Date.now() + made.expires_in * 1000;
    sessionStorage.setItem(kept, JSON.stringify({ key: made.otp, ends }));
    show("message", false);
    present(made.otp, ends);
  } catch (error) { fail(error); }
});
async function copy(button, text) {
  await navigator.clipboard.writeText(text);
  const before = button.textContent;
  button.textContent = words.copied;
  setTimeout(() => { button.textContent = before; }, 4000);
}
at("copy")?.addEventListener("click", () => copy(at("copy"), at("key").textContent));
at("copy-letter")?.addEventListener("click", () => copy(at("copy-letter"), at("letter").value));
at("validate").addEventListener("click", check);

remember(Number(words.left));
follow(async () => noticed(await call("GET", "shown")), () => { show("trouble", true); return true; });
