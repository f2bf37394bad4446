import type { Component } from "solid-js";
import { PATHS } from "../lib/pages";
import { lazyPage } from "./lazy";

interface PageRoute {
  path: string;
  component: Component & { preload: () => Promise<unknown> };
}

/** Every page: its address, and its files, which are loaded when it is opened. */
export const PAGES: PageRoute[] = [
  { path: PATHS.record, component: lazyPage(() => import("./record/page")) },
  { path: PATHS.library, component: lazyPage(() => import("./library/page")) },
  { path: PATHS.trash, component: lazyPage(() => import("./library/trash-page")) },
  { path: PATHS.recording, component: lazyPage(() => import("./transcript/page")) },
  { path: PATHS.models, component: lazyPage(() => import("./models/page")) },
  { path: PATHS.settings, component: lazyPage(() => import("./settings/page")) },
  { path: PATHS.help, component: lazyPage(() => import("./help/page")) },
  { path: "*", component: lazyPage(() => import("./not-found/page")) },
];
