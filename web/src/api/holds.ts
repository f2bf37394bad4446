import { type Answer, api, ask, type Shape } from "./client";

export type Hold = Shape<"Hold">;

const HOLD = "/api/v1/recordings/{recording_id}/hold";

/** Nobody can delete it until it is released. */
export function placeHold(id: string, reason: string): Promise<Answer<Hold>> {
  return ask(api.PUT(HOLD, { params: { path: { recording_id: id } }, body: { reason } }));
}

export function releaseHold(id: string): Promise<Answer<Hold>> {
  return ask(api.DELETE(HOLD, { params: { path: { recording_id: id } } }));
}
