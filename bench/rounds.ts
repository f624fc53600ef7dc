/** Runs two measurements in turn, each round the other way round: what else this machine does hits both alike. */
export async function inTurn<A, B>(
  rounds: number,
  ours: (round: number) => Promise<A>,
  reference: (round: number) => Promise<B>,
) {
  const results: { readonly ours: A[]; readonly reference: B[] } = { ours: [], reference: [] };
  for (let round = 0; round < rounds; round += 1) {
    if (round % 2 === 0) results.ours.push(await ours(round));
    results.reference.push(await reference(round));
    if (round % 2 === 1) results.ours.push(await ours(round));
  }
  return results;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Milliseconds since the epoch with fractions: the same clock in every process of this host. */
export function instant(): number {
  return performance.timeOrigin + performance.now();
}
