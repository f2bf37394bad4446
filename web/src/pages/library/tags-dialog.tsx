import { createSignal, For, type JSX, Show } from "solid-js";
import type { FoundRecording } from "../../api/library";
import { Tag } from "../../design/badge";
import { Button } from "../../design/button";
import { Dialog } from "../../design/dialog";
import { TextField } from "../../design/field";
import { counted, t } from "../../i18n/locale";
import { type Retagging, tidy } from "../../lib/retagging";

const MOST_SUGGESTED = 12;
const LONGEST = 100;

interface TagsDialogProps {
  recordings: readonly FoundRecording[];
  /** Every tag there is, the commonest first. */
  known: readonly string[];
  onSave: (retagging: Retagging) => void;
  onClose: () => void;
}

/** The tags that the recordings have, together; what is changed here counts once it is saved. */
export function TagsDialog(props: TagsDialogProps): JSX.Element {
  const before = [...new Set(props.recordings.flatMap(({ tags }) => tags))].sort();
  const [tags, setTags] = createSignal<readonly string[]>(before);
  const [added, setAdded] = createSignal<readonly string[]>([]);
  const [typed, setTyped] = createSignal("");
  const suggestions = () => {
    const start = tidy(typed()).toLocaleLowerCase();
    const open = props.known.filter((tag) => !tags().includes(tag) && tag.toLocaleLowerCase().includes(start));
    return open.slice(0, MOST_SUGGESTED);
  };
  const add = (text: string): void => {
    const tag = tidy(text).slice(0, LONGEST);
    setTyped("");
    if (!tag) return;
    setTags((now) => [...new Set([...now, tag])]);
    setAdded((now) => [...new Set([...now, tag])]);
  };
  const remove = (tag: string): void => {
    setTags((now) => now.filter((other) => other !== tag));
    setAdded((now) => now.filter((other) => other !== tag));
  };
  const save = (): void => {
    add(typed());
    props.onSave({ add: added(), remove: before.filter((tag) => !tags().includes(tag)) });
    props.onClose();
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => open || props.onClose()}
      title={counted(props.recordings.length, t().library.tagsOf)}
      actions={
        <>
          <Button onClick={() => props.onClose()}>{t().library.cancel}</Button>
          <Button tone="primary" onClick={save} data-testid="tags-save">
            {t().library.save}
          </Button>
        </>
      }
    >
      <div class="tagging">
        <div class="recording__tags" data-testid="tags">
          <For each={tags()} fallback={<p class="hint">{t().library.noTags}</p>}>
            {(tag) => <Tag text={tag} removeLabel={t().library.removeTag(tag)} onRemove={() => remove(tag)} />}
          </For>
        </div>
        <form
          class="tagging__new"
          onSubmit={(event) => {
            event.preventDefault();
            add(typed());
          }}
        >
          <TextField label={t().library.newTag} value={typed()} onInput={setTyped} data-testid="new-tag" />
          <button type="submit" class="button">
            {t().library.addTag}
          </button>
        </form>
        <Show when={suggestions().length > 0}>
          <p class="hint">{t().library.suggestions}</p>
          <div class="chips">
            <For each={suggestions()}>
              {(tag) => (
                <button
                  type="button"
                  class="chip"
                  aria-label={t().library.suggestTag(tag)}
                  data-testid="suggestion"
                  onClick={() => add(tag)}
                >
                  {tag}
                </button>
              )}
            </For>
          </div>
        </Show>
      </div>
    </Dialog>
  );
}
