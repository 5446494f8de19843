// Reads files with the number of bytes as they come, so that a page can tell how far loading is.

/** The bytes at an address; `count` is called with the size of each part. Throws where the file is missing. */
export async function readFile(address: string, name: string, count: (bytes: number) => void): Promise<ArrayBuffer> {
  const response = await fetch(address);
  if (!response.ok || !response.body) throw new Error(`${name} is missing (${response.status})`);
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (const reader = response.body.getReader(); ; ) {
    const { value } = await reader.read();
    if (!value) break;
    parts.push(value as Uint8Array<ArrayBuffer>);
    count(value.length);
  }
  return new Blob(parts).arrayBuffer();
}

/** Such as "Loading the network: 3.1 of 13.4 MB." */
export function progressText(done: number, total: number): string {
  return `Loading the network: ${megabytes(done)} of ${megabytes(total)} MB.`;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
