import { createUniqueId, type JSX } from "solid-js";
import { Icon } from "../../design/icon";
import { t } from "../../i18n/locale";

interface FilesProps {
  onFiles: (files: File[]) => void;
}

export function FilePicker(props: FilesProps): JSX.Element {
  const id = createUniqueId();
  const choose = (input: HTMLInputElement): void => {
    props.onFiles([...(input.files ?? [])]);
    // The same file can be chosen once more.
    input.value = "";
  };
  return (
    <div class="picker">
      <input
        id={id}
        class="picker__input visually-hidden"
        data-testid="file-input"
        type="file"
        accept="audio/*,video/*"
        multiple
        onChange={(event) => choose(event.currentTarget)}
      />
      <label class="button picker__button" for={id}>
        <Icon name="file" />
        {t().file.choose}
      </label>
      <p class="hint picker__drop">{t().file.drop}</p>
    </div>
  );
}
