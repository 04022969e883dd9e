/* The list of integrations: states and progress of its rows, live. */
import { at, follow } from "./live.js";

const list = at("list");
if (list) {
  follow(async () => {
    const response = await fetch(list.dataset.at, { headers: { Accept: "application/json" }, cache: "no-store" });
    if (!response.ok || response.redirected) throw new Error();
    return response.json();
  }, () => true, 3);
}
