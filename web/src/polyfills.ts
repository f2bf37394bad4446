/** What browsers since 2018 may lack; loaded by those alone. */
import "core-js/actual/array/at";
import "core-js/actual/array/flat";
import "core-js/actual/array/flat-map";
import "core-js/actual/global-this";
import "core-js/actual/object/from-entries";
import "core-js/actual/promise/all-settled";
import "core-js/actual/queue-microtask";
import "core-js/actual/string/match-all";
import "core-js/actual/string/replace-all";

/** Since 2020; without it no byte of a recording could be kept. */
Blob.prototype.arrayBuffer ??= function (this: Blob): Promise<ArrayBuffer> {
  return new Response(this).arrayBuffer();
};
