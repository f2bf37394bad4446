import type { JSX } from "solid-js";

const PATHS = {
  mic: "M12 3a3 3 0 0 0-3 3v6a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3ZM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3M8.5 21h7",
  stop: "M7.5 6h9A1.5 1.5 0 0 1 18 7.5v9a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 6 16.5v-9A1.5 1.5 0 0 1 7.5 6Z",
  pause: "M9 6v12M15 6v12",
  play: "M8 5.5v13l10.5-6.5Z",
  file: "M14 3H7a2 2 0 0 0-2 2v14a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2V8ZM14 3v5h5M9 13v3M12 12v5M15 13.5v2",
  copy: "M9 9h10v11H9ZM15 9V4H5v11h4",
  check: "M5 12.5 10 17.5 19.5 7",
  download: "M12 4v11M7 10.5l5 5 5-5M5 20h14",
  retry: "M20 12a8 8 0 1 1-2.5-5.8M20 3v4.5h-4.5",
  close: "M6 6l12 12M18 6 6 18",
  trash: "M4.5 7h15M9.5 7V4.5h5V7M7 7l.8 13h8.4L17 7",
  warning: "M12 4 2.8 19.5h18.4ZM12 10v4.5M12 17.2v.1",
  lock: "M6 11h12v9H6ZM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  auto: "M12 4a8 8 0 1 0 0 16ZM12 4a8 8 0 0 1 0 16",
  light:
    "M12 8.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7ZM12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.4M5.6 18.4 7 17M17 7l1.4-1.4",
  dark: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10Z",
  text: "M5 6h14M5 10.5h14M5 15h9M5 19.5h6",
  models: "M12 3 4 7v10l8 4 8-4V7ZM4 7l8 4 8-4M12 11v10",
  back: "M19 12H5M11 6l-6 6 6 6",
  shield: "M12 3 5 6v5.5c0 4.3 2.9 7.6 7 9.5 4.1-1.9 7-5.2 7-9.5V6ZM9 12l2.2 2.2L15.2 10",
  library: "M4 5h4v15H4ZM10 5h4v15h-4ZM15.6 6l3.8-1 3.1 14.2-3.8 1Z",
  settings: "M4 7h8M18 7h2M15 4.5v5M4 17h2M12 17h8M9 14.5v5",
  help: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM9.5 9.5a2.5 2.5 0 1 1 3.6 2.3c-.8.4-1.1 1-1.1 1.9M12 16.8v.1",
  globe: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM3 12h18M12 3c5 5.5 5 12.5 0 18M12 3c-5 5.5-5 12.5 0 18",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM15.3 15.3 20.5 20.5",
  down: "M6 9.5l6 6 6-6",
  more: "M4.5 12h1.5M11.25 12h1.5M18 12h1.5",
  edit: "M4 20l.8-4L16 4.8 19.2 8 8 19.2ZM13.5 7.3l3.2 3.2",
  undo: "M8.5 5 4 9.5 8.5 14M4 9.5h10a5.5 5.5 0 0 1 0 11H9",
  redo: "M15.5 5 20 9.5 15.5 14M20 9.5H10a5.5 5.5 0 0 0 0 11h5",
  person: "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM4.5 20.5a7.5 7.5 0 0 1 15 0",
  history: "M4 12a8 8 0 1 0 2.5-5.8M4 3v4.5h4.5M12 8v4.5l3 2",
  columns: "M4 5h7v14H4ZM13 5h7v14h-7Z",
  skipBack: "M19 6.5v11L11 12ZM11 6.5v11L3 12Z",
  skipForward: "M5 6.5v11l8-5.5ZM13 6.5v11l8-5.5Z",
  doubt: "M4 18c2-3 3 0 5 0s3-3 5 0 3 0 5 0M5 4h14M12 4v9",
  up: "M6 14.5l6-6 6 6",
  tag: "M4 4h8l8.5 8.5-8 8L4 12ZM8 8v.1",
  offline: "M4 4l16 16M5 11a11 11 0 0 1 4-2.5M8.2 14.3a6 6 0 0 1 5-1.5M19 11a11 11 0 0 0-6.5-3.2M12 18.5v.1",
  quiet: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5ZM16 9.5l5 5M21 9.5l-5 5",
} as const;

export type IconName = keyof typeof PATHS;

/** Decoration beside a text or inside a labelled control: never the only thing that says what is meant. */
export function Icon(props: { name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[props.name]} />
    </svg>
  );
}

export function Logo(): JSX.Element {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="9" />
      <path d="M8 14v4M12 10.5v11M16 7v18M20 11.5v9M24 14v4" />
    </svg>
  );
}
