/** Columns of text for a person. */

import { escapeUntrusted } from "../escape.ts";

/** Lines of left-aligned columns, two spaces apart, with a line end each. Every cell is escaped. */
export function renderTable(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(escapeUntrusted));
  const widths = cells[0]?.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0))) ??
    [];
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd();
  return cells.map((row) => line(row) + "\n").join("");
}
