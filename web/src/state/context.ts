import { type Accessor, createContext, useContext } from "solid-js";
import type { Route } from "../lib/route";
import type { Service } from "../lib/service";
import type { Models } from "./models";
import type { Player } from "./player";
import type { Recorder } from "./recorder";
import type { Session } from "./session";

/** What the parts of the page share. */
export interface App {
  route: Accessor<Route>;
  service: Accessor<Service>;
  session: Session;
  recorder: Recorder;
  player: Player;
  models: Models;
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
