import { For, type JSX } from "solid-js";
import type { Model } from "../../api/models";
import { dateAndTime, size, t } from "../../i18n/locale";
import { sourceName } from "../../lib/models";

type Fact = readonly [label: string, value: string | null | undefined];

/** What one chooses a model by, and what says whether it can be trusted. */
export function ModelFacts(props: { model: Model }): JSX.Element {
  const facts = (): Fact[] => {
    const { models } = t();
    const { size_bytes, memory_bytes, languages, verified_at, source, pulled_at } = props.model;
    return [
      [models.size, size_bytes > 0 ? size(size_bytes) : models.sizeUnknown],
      [models.memory, memory_bytes ? size(memory_bytes) : null],
      [models.languages, models.languagesOf[languages ?? "unknown"]],
      [models.verified, pulled_at && (verified_at ? dateAndTime(verified_at) : models.neverVerified)],
      [models.source, source && sourceName(t(), source)],
      [models.signature, pulled_at && signatureText(props.model.signature)],
    ];
  };
  return <Facts facts={facts()} />;
}

/** What is only looked up. */
export function ModelDetails(props: { model: Model }): JSX.Element {
  const facts = (): Fact[] => {
    const { models } = t();
    const { model } = props;
    return [
      [models.pulled, model.pulled_at && dateAndTime(model.pulled_at)],
      [models.pulledBy, model.pulled_by],
      [
        models.derived,
        model.derived && `${models.derivedFrom(model.derived.parent, model.derived.to)} (${model.derived.tool})`,
      ],
      [models.size, model.shared_bytes > 0 ? models.sharedWith(size(model.shared_bytes)) : null],
      [models.licence, model.licence],
      [models.format, model.format],
      [models.repository, model.hub_repo],
      [models.revision, model.revision],
    ];
  };
  return (
    <details class="model__details">
      <summary>{t().models.details}</summary>
      <Facts facts={facts()} />
    </details>
  );
}

function Facts(props: { facts: Fact[] }): JSX.Element {
  const known = () => props.facts.filter(([, value]) => value);
  return (
    <dl class="facts">
      <For each={known()}>
        {([label, value]) => (
          <div class="facts__pair">
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        )}
      </For>
    </dl>
  );
}

function signatureText({ state, signer, expires_at }: Model["signature"]): string {
  const { models } = t();
  const parts = [models.signatures[state]];
  if (signer) parts.push(models.signedBy(signer));
  if (expires_at) parts.push(models.validUntil(dateAndTime(expires_at)));
  return parts.join(" · ");
}
