/* The host page's side: Apps menu, theme, and the answers to the frame. */
"use strict";

const root = document.documentElement;

function setUpMenu() {
  const button = document.getElementById("apps-button");
  const menu = document.getElementById("apps-menu");
  const items = () => [...menu.querySelectorAll("[role=menuitem]")];
  const open = (yes) => {
    menu.hidden = !yes;
    button.setAttribute("aria-expanded", String(yes));
    if (yes && items().length) items()[0].focus();
  };
  button.addEventListener("click", () => open(menu.hidden));
  button.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") { event.preventDefault(); open(true); }
  });
  menu.addEventListener("keydown", (event) => {
    const all = items();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      all[(all.indexOf(document.activeElement) + step + all.length) % all.length].focus();
    } else if (event.key === "Escape") { open(false); button.focus(); }
  });
  document.addEventListener("click", (event) => { if (!event.target.closest(".menu")) open(false); });
}

function setUpTheme(tell) {
  const button = document.getElementById("theme-button");
  const apply = (mode) => {
    root.dataset.colorMode = mode;
    button.setAttribute("aria-pressed", String(mode === "dark"));
    localStorage.setItem("sandbox-theme", mode);
    tell(mode);
  };
  button.addEventListener("click", () => apply(root.dataset.colorMode === "dark" ? "light" : "dark"));
  apply(localStorage.getItem("sandbox-theme") || "light");
}

function showFlag(options) {
  const flag = document.createElement("div");
  const title = document.createElement("strong");
  title.textContent = String(options.title || "");
  flag.append(title, String(options.body || ""));
  document.getElementById("flags").append(flag);
  if (options.close !== "manual") setTimeout(() => flag.remove(), 6000);
}

function setUpFrame() {
  const frame = document.getElementById("app-frame");
  if (!frame) return () => {};
  const origin = frame.dataset.origin;
  let follows = false; // a page that has not asked may not even be loaded
  const theme = () => ({ colorMode: root.dataset.colorMode, theme: "light:light dark:dark" });
  const send = (message) => frame.contentWindow.postMessage({ sandboxAP: true, ...message }, origin);
  const answers = {
    getToken: async () => (await (await fetch("/sandbox/context-token", { cache: "no-store" })).json()).token,
    getContext: async () => ({ jira: {}, license: { active: false }, url: { displayUrl: location.origin, displayUrlServicedeskHelpCenter: location.origin } }),
    getLocation: async () => location.href,
    theme: async () => { follows = true; return theme(); },
    resize: async (width, height) => {
      if (/^\d+(px|%)?$/.test(String(width))) frame.style.width = /\d$/.test(String(width)) ? `${width}px` : width;
      if (/^\d+(px|%)?$/.test(String(height))) frame.style.height = /\d$/.test(String(height)) ? `${height}px` : height;
    },
    sizeToParent: async () => { frame.style.width = "100%"; frame.style.height = `${Math.max(300, innerHeight - frame.offsetTop)}px`; },
    flag: async (options) => showFlag(options || {}),
    reload: async () => location.reload(),
    go: async (target, context) => {
      const paths = { addonmodule: `/plugins/servlet/ac/${frame.dataset.app}/${(context || {}).moduleKey}`, addonManager: "/plugins/servlet/upm", home: "/" };
      if (paths[target]) location.assign(paths[target]);
    },
  };
  window.addEventListener("message", async (event) => {
    // only our frame, and only while it shows the app's own origin
    if (event.source !== frame.contentWindow || event.origin !== origin) return;
    const { sandboxAP, id, method, args } = event.data || {};
    if (!sandboxAP || !Object.hasOwn(answers, method)) return;
    try {
      send({ id, result: await answers[method](...(args || [])) });
    } catch (error) {
      send({ id, error: String(error) });
    }
  });
  return () => { if (follows) send({ event: "theme", result: theme() }); };
}

setUpMenu();
setUpTheme(setUpFrame());
