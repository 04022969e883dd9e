/* A small own implementation of Atlassian's client library for pages in the Jira frame. */
(function () {
  "use strict";
  if (window.AP) return;
  var script = document.currentScript;
  var query = new URLSearchParams(location.search); // read at once: pages strip their URL early
  var host = query.get("xdm_e") || (document.referrer ? new URL(document.referrer).origin : "");
  var options = {};
  ((script && script.dataset.options) || "").split(";").forEach(function (part) {
    var pair = part.split(":");
    if (pair[0].trim()) options[pair[0].trim()] = pair.length > 1 ? pair[1].trim() : "true";
  });
  var is = function (name, fallback) { return name in options ? options[name] === "true" : fallback; };
  var waiting = new Map();
  var next = 1;
  var themed = false;

  function call(method) {
    var args = Array.prototype.slice.call(arguments, 1);
    return new Promise(function (resolve, reject) {
      if (!host || window.parent === window) { reject(new Error("AP: this page is not in a Jira frame")); return; }
      var id = next++;
      waiting.set(id, { resolve: resolve, reject: reject });
      window.parent.postMessage({ sandboxAP: true, id: id, method: method, args: args }, host);
    });
  }

  // with a callback the promise is for nobody, so its failure must not surface as unhandled
  function either(promise, callback) {
    if (typeof callback !== "function") return promise;
    promise.then(callback, function () {});
    return undefined;
  }

  function applyTheme(theme) {
    document.documentElement.setAttribute("data-theme", theme.theme);
    document.documentElement.setAttribute("data-color-mode", theme.colorMode);
  }

  window.addEventListener("message", function (event) {
    if (event.source !== window.parent || event.origin !== host || !event.data || !event.data.sandboxAP) return;
    var data = event.data;
    if (data.event === "theme") { if (themed) applyTheme(data.result); return; }
    var pending = waiting.get(data.id);
    if (!pending) return;
    waiting.delete(data.id);
    if ("error" in data) pending.reject(new Error(data.error)); else pending.resolve(data.result);
  });

  function quiet(promise) { promise.catch(function () {}); }

  function resize(width, height) {
    quiet(call("resize", width || "100%", height || document.documentElement.offsetHeight));
  }

  window.AP = {
    context: {
      getToken: function (callback) { return either(call("getToken"), callback); },
      getContext: function (callback) { return either(call("getContext"), callback); },
    },
    resize: resize,
    sizeToParent: function () { quiet(call("sizeToParent")); },
    getLocation: function (callback) { return either(call("getLocation"), callback); },
    navigator: {
      go: function (target, context) { quiet(call("go", target, context)); },
      reload: function () { quiet(call("reload")); },
    },
    flag: {
      create: function (flag) {
        quiet(call("flag", { title: flag.title, body: flag.body, type: flag.type, close: flag.close }));
        return { close: function () {} };
      },
    },
    theming: {
      initializeTheming: function () {
        themed = true;
        return call("theme").then(applyTheme, function () {});
      },
    },
  };

  if (is("base", false)) {
    var base = document.createElement("base");
    base.target = "_parent";
    document.head.append(base);
  }
  document.addEventListener("DOMContentLoaded", function () {
    if (is("margin", true)) document.body.style.margin = "10px 10px 0 10px";
    if (is("sizeToParent", false)) window.AP.sizeToParent();
    else if (is("resize", true)) {
      resize();
      if (window.ResizeObserver) new ResizeObserver(function () { resize(); }).observe(document.body);
    }
  });
})();
