/** Server-sent events as both services stream them. */

/** One event: its name and its JSON data. */
export type SseEvent = readonly [name: string, data: Readonly<Record<string, unknown>>];

/** A streamed response of events, one chunk each, so that what buffers whole bodies shows. */
export function sseResponse(events: readonly SseEvent[]): Response {
  const encoder = new TextEncoder();
  const chunks = events.map(([name, data]) =>
    encoder.encode(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)
  );
  return new Response(ReadableStream.from(chunks), {
    headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" },
  });
}

/** Text cut into pieces of a few characters, the way a model streams it. */
export function pieces(text: string): readonly string[] {
  return text.match(/[\s\S]{1,8}/g) ?? [""];
}
