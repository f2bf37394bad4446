import type { JSX, ParentProps } from "solid-js";
import { Icon, type IconName } from "./icon";

export function Notice(props: ParentProps<{ tone: "info" | "warning" | "bad"; icon?: IconName }>): JSX.Element {
  return (
    <div class="notice" data-tone={props.tone} role={props.tone === "bad" ? "alert" : "status"}>
      <Icon name={props.icon ?? "warning"} />
      <div>{props.children}</div>
    </div>
  );
}
