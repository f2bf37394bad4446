// A classic script in the head: it runs before the first paint, so that a chosen theme never flashes in the other one.
(function () {
  var dataset = document.documentElement.dataset;
  var contrast = null;
  var theme = null;
  try {
    theme = localStorage.getItem("care-voice.theme");
    if (theme === "light" || theme === "dark") dataset.theme = theme;
    contrast = localStorage.getItem("care-voice.contrast");
  } catch (_error) {
    // Storage can be refused (private windows, policies): the system's choices are used then.
  }
  if (contrast === "more" || matchMedia("(prefers-contrast: more)").matches) dataset.contrast = "more";
})();
