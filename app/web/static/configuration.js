/* The page in Jira's frame. Each call carries a fresh context token; the key never leaves the form but in a POST. */
import { at, fill, follow } from "./live.js";

// The token in the address did its work: take it out before anything can copy it.
history.replaceState(null, "", location.pathname);

const page = at("page");
const words = page.dataset;
const show = (id, is) => { at(id).hidden = !is; };

const token = () => new Promise((resolve, reject) => {
  setTimeout(() => reject(Object.assign(new Error(), { status: 503 })), 15000);
  AP.context.getToken(resolve);
});

async function call(method, path, body) {
  const options = { method, headers: { Authorization: `JWT ${await token()}` }, cache: "no-store" };
  if (body) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const response = await fetch(words.pairing + path, options);
  const data = response.status === 204 ? {} : await response.json().catch(() => ({}));
  if (response.ok) return data;
  throw Object.assign(new Error(data.detail || words.other), { status: response.status, remedy: data.remedy || "", code: data.code });
}

function say(text, remedy, kind) {
  at("message-says").textContent = text;
  at("message-do").textContent = remedy;
  at("message").className = `notice ${kind}`;
  show("message", text);
}

function expire() {
  live.stop();
  at("otp").value = "";
  ["unpaired", "paired", "entry", "message", "trouble"].forEach((id) => show(id, false));
  show("expired", true);
  at("reload").focus();
}

/* The form is there for a site that is not connected, and for an admin who wants to use another key. */
function offer(is) {
  show("entry", is || at("paired").hidden);
  at("another").setAttribute("aria-expanded", String(is));
}

/* A call that nobody clicked for has failed. Says whether to ask again. */
function missed(error) {
  if (error.status === 401) { expire(); return false; }
  if (error.status === 403) { // no administrator any more
    say(error.message, error.remedy, "bad");
    ["unpaired", "paired", "entry", "trouble"].forEach((id) => show(id, false));
    return false;
  }
  show("trouble", true);
  return true;
}

/* Somebody clicked, and it did not work. */
function fail(error) {
  if (error.status === 401) expire();
  else say(error.message || words.other, error.remedy || "", "bad");
}

const live = follow(async () => {
  const shown = await call("GET", "/page");
  show("trouble", false);
  show("entry", shown.is.unpaired || at("another").getAttribute("aria-expanded") === "true");
  return shown;
}, missed, window.AP && !at("paired").hidden ? 2 : 30);

async function pair(replace) {
  const field = at("otp");
  const button = at("connect");
  if (button.getAttribute("aria-busy")) return;
  if (!field.value.trim()) {
    say(words.empty, at("otp-hint").textContent, "bad");
    field.setAttribute("aria-invalid", "true");
    field.focus();
    return;
  }
  const before = button.textContent;
  button.setAttribute("aria-busy", "true");
  button.textContent = words.connecting;
  say("", "", "");
  try {
    await call("POST", "", { otp: field.value, replace });
    field.value = "";
    show("replacing", false);
    say(words.connected, "", "good");
    fill(await call("GET", "/page"));
    offer(false);
    live.now();
    at("paired-title").focus();
  } catch (error) {
    const asks = ["site_paired", "integration_paired"].includes(error.code);
    show("replacing", asks);
    if (asks) {
      at("replacing-says").textContent = error.message;
      at("replacing-do").textContent = error.remedy;
      at("keep").focus();
    } else {
      fail(error);
      field.setAttribute("aria-invalid", "true");
      if (error.status !== 401) field.focus();
    }
  } finally {
    button.removeAttribute("aria-busy");
    button.textContent = before;
  }
}

at("form").addEventListener("submit", (event) => { event.preventDefault(); pair(false); });
at("replace").addEventListener("click", () => pair(true));
at("keep").addEventListener("click", () => { show("replacing", false); at("otp").value = ""; offer(false); (at("paired").hidden ? at("otp") : at("another")).focus(); live.now(); });
at("another").addEventListener("click", () => { offer(at("entry").hidden); if (!at("entry").hidden) at("otp").focus(); });
at("otp").addEventListener("input", () => at("otp").removeAttribute("aria-invalid"));
at("reload").addEventListener("click", () => AP.navigator.reload());
at("disconnect").addEventListener("click", () => { show("confirm", true); at("confirm-no").focus(); });
at("confirm-no").addEventListener("click", () => { show("confirm", false); at("disconnect").focus(); });
at("confirm-yes").addEventListener("click", async () => {
  try {
    await call("DELETE", "");
    show("confirm", false);
    say(words.disconnected, "", "good");
    fill(await call("GET", "/page"));
    offer(false);
    at("unpaired-title").focus();
  } catch (error) { fail(error); }
});

if (window.AP) {
  if (AP.theming) AP.theming.initializeTheming();
} else {
  live.stop();
  ["unpaired", "paired", "entry"].forEach((id) => show(id, false));
  say(words.outside, "", "bad");
}
