/** What the language has gained since 2016; build/legacy.ts writes out the parts that the oldest browsers lack. */
import "core-js/stable";
