import { For, type JSX, onMount, Show } from "solid-js";
import { t } from "../i18n/locale";
import { ADDRESS } from "../lib/route";
import { clock } from "../lib/time";
import { useApp } from "../state/context";
import type { News } from "../state/models";
import { DiskUse } from "./disk-use";
import { Icon } from "./icon";
import { ModelCard } from "./model-card";
import { Notice } from "./notice";

export function ModelsPage(): JSX.Element {
  const { models } = useApp();
  let title: HTMLHeadingElement | undefined;
  onMount(() => {
    window.scrollTo(0, 0);
    title?.focus({ preventScroll: true });
  });
  return (
    <main class="models" data-testid="models-page">
      <div class="models__top">
        <a class="button button--quiet models__back" href={ADDRESS.home} data-testid="back">
          <Icon name="back" />
          {t().models.back}
        </a>
        <RecordingGoesOn />
      </div>
      <div>
        <h2 id="models" class="models__title" ref={title} tabindex="-1">
          {t().models.title}
        </h2>
        <p class="hint">{t().models.intro}</p>
      </div>
      <Show when={models.problem()}>
        <Notice tone="bad">{t().models.unreachable}</Notice>
      </Show>
      <Show when={models.disk()} fallback={<p class="hint">{t().models.loading}</p>}>
        {(disk) => <DiskUse disk={disk()} />}
      </Show>
      <ul class="models__list" aria-label={t().models.list}>
        <For each={models.all()}>{(model) => <ModelCard model={model} models={models} />}</For>
      </ul>
      <p class="visually-hidden" role="status" data-testid="models-news">
        {newsText(models.news())}
      </p>
    </main>
  );
}

/** A recording is never out of sight: it goes on while one looks at the models. */
function RecordingGoesOn(): JSX.Element {
  const { recorder } = useApp();
  return (
    <Show when={recorder.capturing()}>
      <a class="button models__recording" href={ADDRESS.home} data-testid="recording-goes-on">
        <Icon name="mic" />
        {t().models.recordingGoesOn(clock(recorder.elapsedMs() / 1000))}
      </a>
    </Show>
  );
}

function newsText(news: News | null): string {
  if (!news) return "";
  if (news.kind === "remove") return t().models.news.remove.done(news.name);
  return t().models.news[news.kind][news.state](news.name);
}
