import { type JSX, Show } from "solid-js";
import { IconButton } from "../../design/button";
import { Toolbar } from "../../design/page";
import { counted, t } from "../../i18n/locale";
import type { Selection } from "../../state/selection";

/** What can be done to all that are chosen; stays in sight while one chooses. */
export function BulkBar(props: { selection: Selection; children: JSX.Element }): JSX.Element {
  return (
    <Show when={props.selection.any()}>
      <div class="bulk" data-testid="bulk">
        <Toolbar label={t().library.selection}>
          <IconButton icon="close" label={t().library.selectNone} onClick={() => props.selection.clear()} />
          <span class="bulk__count" role="status">
            {counted(props.selection.ids().length, t().library.selected)}
          </span>
          <IconButton icon="check" label={t().library.selectAll} onClick={() => props.selection.all()} />
          <span class="bulk__actions">{props.children}</span>
        </Toolbar>
      </div>
    </Show>
  );
}
