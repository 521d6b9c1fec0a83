// Base64 of any length. Pure.

// A multiple of four characters, so that each slice is base64 by itself and no second copy of all of it is needed.
const BASE64_SLICE = 4 * 65536;

/** Decodes base64. @returns {Uint8Array} @throws {DOMException} if it is none */
export function decodeBase64(text) {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let offset = 0;
  for (let start = 0; start < text.length; start += BASE64_SLICE) {
    const binary = atob(text.slice(start, start + BASE64_SLICE));
    for (let index = 0; index < binary.length; index += 1) bytes[offset + index] = binary.charCodeAt(index);
    offset += binary.length;
  }
  return bytes;
}
