"use strict";
(() => {
  const box = document.getElementById("integration");
  const at = (id) => document.getElementById(id);
  const call = async (path, method) => {
    const response = await fetch(`${box.dataset.at}/${path}`, {
      method, headers: { "X-CSRF-Token": box.dataset.csrf, Accept: "application/json" }, cache: "no-store",
    });
    if (response.redirected || !response.headers.get("Content-Type").includes("json")) {
      throw new Error(response.ok ? "Your session ended. Reload the page and sign in again."
        : "That did not work. Reload the page and try again.");
    }
    return response.json();
  };
  const fail = (error) => { at("message").textContent = error.message; at("message").hidden = false; };
  let countdown = 0;

  at("mint").addEventListener("click", async () => {
    try {
      at("message").hidden = true;
      const made = await call("otp", "POST");
      at("key").textContent = made.otp;
      at("key-box").hidden = false;
      at("mint").textContent = "Generate a new key";
      const ends = Date.now() + made.expires_in * 1000;
      clearInterval(countdown);
      const tick = () => {
        const left = Math.max(0, Math.round((ends - Date.now()) / 1000));
        at("left").textContent = left
          ? `good for ${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}, once` : "expired; generate a new key";
        if (!left) clearInterval(countdown);
      };
      tick();
      countdown = setInterval(tick, 1000);
    } catch (error) { fail(error); }
  });
  at("copy").addEventListener("click", async () => {
    await navigator.clipboard.writeText(at("key").textContent);
    at("copy").textContent = "Copied";
  });
  at("validate").addEventListener("click", async () => {
    try {
      const found = await call("validate", "POST");
      at("checks").replaceChildren(...found.checks.map((check) => {
        const line = document.createElement("li");
        line.textContent = `${check.ok ? "✓" : check.is_required ? "✗" : "–"} ${check.name}: ${check.detail}`;
        return line;
      }));
    } catch (error) { fail(error); }
  });
  const refresh = async () => {
    try {
      const found = await call("progress", "GET");
      at("state").textContent = found.state;
      at("site").textContent = found.site || "not paired yet";
      at("reason").textContent = found.state_reason || "";
      at("reason").hidden = !found.state_reason;
      at("parked").textContent = `Left out because they could not be read: ${found.parked_total} records. The API's progress lists them.`;
      at("parked").hidden = !found.parked_total;
      at("entities").replaceChildren(...found.entities.map((each) => {
        const row = document.createElement("tr");
        [each.entity, each.done, each.expected ?? "–", each.verified_at ? new Date(each.verified_at).toLocaleString() : "–"]
          .forEach((value, index) => {
            const cell = document.createElement("td");
            cell.textContent = value;
            if (index === 1 || index === 2) cell.className = "number";
            row.append(cell);
          });
        return row;
      }));
    } catch (error) { fail(error); return; }
    setTimeout(refresh, document.hidden ? 10000 : 2000);
  };
  refresh();
})();
