/* One integration: its state and figures, live. */
import { at, follow } from "./live.js";

follow(async () => {
  const response = await fetch(at("overview").dataset.at, { headers: { Accept: "application/json" }, cache: "no-store" });
  if (!response.ok || response.redirected) throw new Error();
  return response.json();
}, () => true, 2);
