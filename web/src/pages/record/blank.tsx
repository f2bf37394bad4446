import type { JSX } from "solid-js";
import { Icon, type IconName } from "../../design/icon";

export function Blank(props: { icon: IconName; title: string; detail: string }): JSX.Element {
  return (
    <div class="blank">
      <span class="blank__icon">
        <Icon name={props.icon} />
      </span>
      <p class="blank__title">{props.title}</p>
      <p class="hint">{props.detail}</p>
    </div>
  );
}
