import { type Answer, api, ask, type Shape } from "./client";

export type Model = Shape<"Model">;
export type ModelList = Shape<"ModelList">;
export type Operation = Shape<"ModelOperation">;
export type Progress = Shape<"ModelProgress">;

const ONE = "/api/v1/models/{name}";

export function fetchModels(): Promise<Answer<ModelList>> {
  return ask(api.GET("/api/v1/models"));
}

export function startOperation(name: string, kind: Operation["kind"]): Promise<Answer<Operation>> {
  const params = { path: { name } };
  return ask(kind === "pull" ? api.POST(`${ONE}/pull`, { params }) : api.POST(`${ONE}/verify`, { params }));
}

export function cancelOperation(name: string): Promise<Answer<unknown>> {
  return ask(api.DELETE(`${ONE}/operation`, { params: { path: { name } } }));
}

export function removeModel(name: string): Promise<Answer<unknown>> {
  return ask(api.DELETE(ONE, { params: { path: { name } } }));
}
