// A classic script after the app's own: where that has not begun, since the browser knows no modules or not all that they
// are written in, the app is loaded once more as one script in older words. Browsers that are too old for it get the form.
(function () {
  var app = document.getElementById("app");
  var names = document.currentScript;
  if (!app || !names || app.hasAttribute("data-started")) return;
  if (typeof Proxy === "undefined" || typeof Promise === "undefined") {
    location.replace("/form");
    return;
  }
  var style = document.querySelector('link[rel="stylesheet"]') || document.createElement("link");
  style.rel = "stylesheet";
  style.href = names.getAttribute("data-style");
  document.head.appendChild(style);
  var script = document.createElement("script");
  script.src = names.getAttribute("data-script");
  script.onerror = function () {
    var broken = document.getElementById("broken");
    if (broken) broken.removeAttribute("hidden");
  };
  document.body.appendChild(script);
})();
