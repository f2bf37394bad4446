import { For, type JSX, Show } from "solid-js";
import type { ModelList } from "../../api/models";
import { size, t } from "../../i18n/locale";

type Disk = ModelList["disk"];

interface Part {
  kind: "models" | "incoming" | "free";
  bytes: number;
  label: string;
}

/** What the models take up, and what is free beside them; other files on the disk do not count here. */
export function DiskUse(props: { disk: Disk }): JSX.Element {
  const parts = () => partsOf(props.disk).filter(({ kind, bytes }) => bytes > 0 || kind !== "incoming");
  const total = () => parts().reduce((sum, { bytes }) => sum + bytes, 0);
  return (
    <section class="card disk" aria-labelledby="disk-title" data-testid="disk">
      <h2 id="disk-title" class="card__title">
        {t().models.disk}
      </h2>
      <div class="disk__bar" aria-hidden="true">
        <For each={parts()}>
          {({ kind, bytes }) => (
            <div class="disk__part" data-kind={kind} style={{ width: `${(100 * bytes) / Math.max(1, total())}%` }} />
          )}
        </For>
      </div>
      <ul class="disk__legend">
        <For each={parts()}>
          {({ kind, label }) => (
            <li class="disk__label">
              <span class="disk__dot" data-kind={kind} aria-hidden="true" />
              {label}
            </li>
          )}
        </For>
        <Show when={props.disk.reclaimable_bytes > 0}>
          <li class="disk__label hint">{t().models.diskReclaimable(size(props.disk.reclaimable_bytes))}</li>
        </Show>
      </ul>
    </section>
  );
}

function partsOf({ blobs_bytes, copies_bytes, incoming_bytes, free_bytes }: Disk): Part[] {
  const { diskModels, diskIncoming, diskFree } = t().models;
  const installed = blobs_bytes + copies_bytes;
  return [
    { kind: "models", bytes: installed, label: diskModels(size(installed)) },
    { kind: "incoming", bytes: incoming_bytes, label: diskIncoming(size(incoming_bytes)) },
    { kind: "free", bytes: free_bytes, label: diskFree(size(free_bytes)) },
  ];
}
