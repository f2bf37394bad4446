import { Route, Router, useNavigate } from "@solidjs/router";
import { createSignal, For, type JSX, type ParentProps } from "solid-js";
import { PATHS } from "./lib/pages";
import { PAGES } from "./pages";
import { DropTarget } from "./shell/drop-target";
import { Shell } from "./shell/shell";
import { AppContext, type App as Shared } from "./state/context";
import { createDrafts } from "./state/drafts";
import { warnBeforeLeaving } from "./state/leaving";
import { createPlayer } from "./state/player";
import { createRecorder } from "./state/recorder";
import { createService } from "./state/service";
import { createSession } from "./state/session";
import { offerUpdates } from "./state/updates";

export function App(): JSX.Element {
  const shared = createShared();
  const { session, recorder, drafts } = shared;
  const atRisk = (): boolean => recorder.state().kind !== "idle" || session.atRisk() || drafts.any();
  warnBeforeLeaving(atRisk);
  offerUpdates(atRisk);
  return (
    <AppContext.Provider value={shared}>
      <Router root={Frame}>
        <For each={PAGES}>
          {({ path, component }) => (
            <Route path={path} component={component} preload={() => void component.preload()} />
          )}
        </For>
      </Router>
    </AppContext.Provider>
  );

  function Frame(props: ParentProps): JSX.Element {
    const navigate = useNavigate();
    const addFiles = (files: File[]): void => {
      navigate(PATHS.record);
      for (const file of files) void session.addFile(file);
    };
    return (
      <>
        <Shell>{props.children}</Shell>
        <DropTarget onFiles={addFiles} />
      </>
    );
  }
}

function createShared(): Shared {
  const service = createService();
  const session = createSession(service);
  const [askingDiscard, setAskingDiscard] = createSignal(false);
  const recorder = createRecorder({
    record: session.record,
    remove: session.remove,
    onEnd: (id) => {
      setAskingDiscard(false);
      session.entries.select(id);
    },
  });
  return {
    service,
    session,
    recorder,
    player: createPlayer(),
    drafts: createDrafts(),
    askingDiscard,
    setAskingDiscard,
  };
}
