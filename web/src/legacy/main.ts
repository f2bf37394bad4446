/** The entry of the build for browsers without modules (build/legacy.ts): what they lack, then the app as it is. */
import "./language";
import "./browser";
// In the order in which the other build loads them: those of the pages come after the common ones.
import "../design/tokens.css";
import "../design/base.css";
import "../design/controls.css";
import "../design/shell.css";
import "./legacy.css";
import "../main";
