// Server-sent events as pure transformations: bytes -> text -> lines -> messages.
//
// Each function takes an (async) iterable and is one, so that a test can feed it any split of any bytes. Nothing here
// knows the network, the page or what a message means.
// Rules: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation

const LINE_END = /\r\n|\r|\n/g;

/**
 * Decodes UTF-8 whose characters may be cut anywhere between two chunks. Bytes that are no UTF-8 become U+FFFD.
 * @param {AsyncIterable<Uint8Array> | Iterable<Uint8Array>} chunks
 */
export async function* decodeText(chunks) {
  const decoder = new TextDecoder();
  for await (const chunk of chunks) yield decoder.decode(chunk, { stream: true });
  yield decoder.decode();
}

/**
 * Cuts text into lines without their ends (LF, CRLF or CR, also when CR and LF arrive apart). An unfinished last line
 * is not yielded. Linear in the text's length also when one line spans thousands of chunks, as base64 audio does.
 * @param {AsyncIterable<string> | Iterable<string>} texts
 */
export async function* splitLines(texts) {
  let pending = [];
  let afterCarriageReturn = false;
  for await (const text of texts) {
    if (text === "") continue;
    const rest = afterCarriageReturn && text.startsWith("\n") ? text.slice(1) : text;
    afterCarriageReturn = text.endsWith("\r");
    let start = 0;
    for (const end of rest.matchAll(LINE_END)) {
      pending.push(rest.slice(start, end.index));
      yield pending.join("");
      pending = [];
      start = end.index + end[0].length;
    }
    pending.push(rest.slice(start));
  }
}

/**
 * Collects `data` fields into messages; an empty line ends a message. Comments, other fields and a message that the
 * end of the stream cuts off are dropped, as the standard asks.
 * @param {AsyncIterable<string> | Iterable<string>} lines
 */
export async function* joinMessages(lines) {
  let data = [];
  for await (const line of lines) {
    if (line === "" && data.length > 0) {
      yield data.join("\n");
      data = [];
    }
    const [name, value] = parseField(line);
    if (name === "data") data.push(value);
  }
}

/** Splits `name: value`, `name:value` or `name`. A comment (`: text`) has the name "". */
export function parseField(line) {
  const colon = line.indexOf(":");
  if (colon < 0) return [line, ""];
  const start = line[colon + 1] === " " ? colon + 2 : colon + 1;
  return [line.slice(0, colon), line.slice(start)];
}

/** All of it: the messages' data, in order, from a stream's chunks of bytes. */
export function readMessages(chunks) {
  return joinMessages(splitLines(decodeText(chunks)));
}
