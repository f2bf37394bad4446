import type { PartialTexts } from "./dictionaries";

export const fil: PartialTexts = {};
