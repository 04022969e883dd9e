"use strict";
/* The page in Jira's frame. Each call carries a fresh context token; the key never leaves the form but in a POST. */
(() => {
  // The token in the address did its work: take it out before anything can copy it.
  history.replaceState(null, "", location.pathname);

  const at = (id) => document.getElementById(id);
  const page = at("page");
  const show = (id, is) => { at(id).hidden = !is; };
  const time = (value) => (value ? new Date(value).toLocaleString() : "not yet");
  let timer = 0;

  const token = () => new Promise((resolve) => AP.context.getToken(resolve));

  async function call(method, body) {
    const options = { method, headers: { Authorization: `JWT ${await token()}` }, cache: "no-store" };
    if (body) {
      options.headers["Content-Type"] = "application/json";
      options.body = JSON.stringify(body);
    }
    const response = await fetch(page.dataset.pairing, options);
    const data = response.status === 204 ? {} : await response.json().catch(() => ({}));
    if (response.ok) return data;
    const detail = response.status === 401
      ? "Your session ended. Reload the page and try again."
      : data.detail || "Something went wrong. Try again in a minute.";
    throw Object.assign(new Error(detail), { status: response.status });
  }

  function say(text, kind) {
    const message = at("message");
    message.textContent = text;
    message.className = `notice ${kind}`;
    message.hidden = !text;
  }

  function render(data) {
    const held = data.integration;
    show("loading", false);
    show("unpaired", !held || held.state === "disconnected");
    show("paired", Boolean(held) && held.state !== "disconnected");
    if (!held) return;
    if (held.state === "disconnected") say(held.reason || "This site is disconnected.", "bad");
    at("name").textContent = held.name;
    at("state").textContent = held.state;
    at("since").textContent = time(held.paired_at);
    at("last").textContent = time(held.last_ingested_at);
    at("verified").textContent = time(held.verified_at);
    at("reason").textContent = held.reason || "";
    show("reason", Boolean(held.reason));
    const issues = (data.entities || []).find((each) => each.entity === "issue");
    if (issues) {
      const total = issues.expected || issues.done || 1;
      at("progress").max = total;
      at("progress").value = Math.min(issues.done, total);
      at("count").textContent = issues.expected ? `${issues.done} of ${issues.expected}` : `${issues.done}`;
    }
    clearTimeout(timer);
    if (held.state !== "disconnected") timer = setTimeout(refresh, held.state === "backfilling" ? 2000 : 15000);
  }

  async function refresh() {
    if (document.hidden) {
      timer = setTimeout(refresh, 5000);
      return;
    }
    try {
      render(await call("GET"));
    } catch (error) {
      show("loading", false);
      say(error.message, "bad");
    }
  }

  async function pair(replace) {
    const field = at("otp");
    const buttons = [at("connect"), at("replace")];
    if (!field.value.trim()) {
      say("Paste the key first.", "bad");
      field.setAttribute("aria-invalid", "true");
      field.focus();
      return;
    }
    buttons.forEach((button) => { button.disabled = true; });
    say("", "");
    try {
      const data = await call("POST", { otp: field.value, replace });
      field.value = "";
      show("replace", false);
      say(`This site is now connected to “${data.integration.name}”.`, "good");
      render(data);
    } catch (error) {
      show("replace", error.status === 409);
      say(error.message, "bad");
      field.setAttribute("aria-invalid", "true");
      field.focus();
    } finally {
      buttons.forEach((button) => { button.disabled = false; });
    }
  }

  at("form").addEventListener("submit", (event) => { event.preventDefault(); pair(false); });
  at("replace").addEventListener("click", () => pair(true));
  at("otp").addEventListener("input", () => at("otp").removeAttribute("aria-invalid"));
  at("disconnect").addEventListener("click", () => { show("confirm", true); at("confirm-yes").focus(); });
  at("confirm-no").addEventListener("click", () => { show("confirm", false); at("disconnect").focus(); });
  at("confirm-yes").addEventListener("click", async () => {
    try {
      await call("DELETE");
      show("confirm", false);
      say("This site is disconnected.", "good");
      render({ integration: null });
      at("otp").focus();
    } catch (error) {
      say(error.message, "bad");
    }
  });

  if (window.AP) {
    if (AP.theming) AP.theming.initializeTheming();
    refresh();
  } else {
    show("loading", false);
    say("Open this page from Jira’s Apps menu.", "bad");
  }
})();
