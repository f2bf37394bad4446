import { type Accessor, createContext, useContext } from "solid-js";
import type { Service } from "../lib/service";
import type { Drafts } from "./drafts";
import type { Player } from "./player";
import type { Recorder } from "./recorder";
import type { Session } from "./session";

/** What outlives a page: the service, a recording that goes on while one looks at another page, and unsaved drafts. */
export interface App {
  service: Accessor<Service>;
  session: Session;
  recorder: Recorder;
  player: Player;
  drafts: Drafts;
  /** Whether the user is being asked if the recording is to be thrown away. */
  askingDiscard: Accessor<boolean>;
  setAskingDiscard: (asking: boolean) => void;
}

export const AppContext = createContext<App>();

export function useApp(): App {
  const app = useContext(AppContext);
  if (!app) throw new Error("useApp outside of AppContext");
  return app;
}
