/** `bottle completions`: static scripts made from the command tree, so that they cannot fall behind it. */

import { OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";
import { knownNames } from "../state/known_names.ts";
import type { CliHost } from "./host.ts";
import type { CommandEntry } from "./program.ts";

const SHELLS: Readonly<Record<string, (table: readonly CommandEntry[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/** Words of an argument that the shell can list itself: one file or folder a name. */
const ARGUMENT_FILES: Readonly<Record<string, { readonly dir: string; readonly suffix: string }>> = {
  AGENT: { dir: ".bot-bottle/agents", suffix: ".md" },
  IDENTITY: { dir: ".bot-bottle/state", suffix: "" },
};

/** Prints the script of a shell. @throws {OperatorError} for a shell that is not known */
// deno-lint-ignore require-await -- an action gives a promise
export async function completions(
  host: CliHost,
  shell: string,
  table: readonly CommandEntry[],
): Promise<number> {
  const render = Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined;
  if (render === undefined) {
    throw new OperatorError(`there are no completions for the shell '${escapeUntrusted(shell)}'`, {
      mend: knownNames(shell, Object.keys(SHELLS)),
      status: 2,
    });
  }
  host.output.print(render(table));
  return 0;
}

function bashScript(table: readonly CommandEntry[]): string {
  const cases = table.map((entry) => {
    const flags = entry.options.map((option) => option.flag).join(" ");
    const files = ARGUMENT_FILES[entry.argument];
    const names = files === undefined
      ? (entry.argument === "SHELL" ? `; words="${Object.keys(SHELLS).join(" ")}"` : "")
      : `; words="$(_bottle_names "$HOME/${files.dir}" "${files.suffix}")"`;
    return `    ${entry.name}) flags="${flags}"${names} ;;`;
  });
  return `# bash completion for bottle
_bottle_names() {
  local path
  for path in "$1"/*"$2"; do
    [ -e "$path" ] || continue
    path="\${path##*/}"
    printf '%s ' "\${path%"$2"}"
  done
}
_bottle() {
  local current="\${COMP_WORDS[COMP_CWORD]}" flags="" words=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${table.map((entry) => entry.name).join(" ")} help" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$flags --help" -- "$current")) ;;
    *) if [ "$COMP_CWORD" -eq 2 ]; then COMPREPLY=($(compgen -W "$words" -- "$current")); fi ;;
  esac
}
complete -F _bottle bottle
`;
}

function zshScript(table: readonly CommandEntry[]): string {
  const commands = table.map((entry) => `    ${single(`${entry.name}:${entry.summary}`)}`);
  const cases = table.map((entry) => {
    const flags = entry.options.map((option) =>
      single(`${option.flag}[${option.text}]${option.takesValue ? ":value:" : ""}`)
    );
    return `    ${entry.name}) _arguments ${[...flags, ...zshArgument(entry)].join(" ")} ;;`;
  });
  return `#compdef bottle
# zsh completion for bottle
_bottle_names() {
  local -a names
  names=($1/*$2(N:t))
  compadd -- \${names%$2}
}
_bottle() {
  local -a commands
  commands=(
${commands.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command="$words[2]"
  shift words
  (( CURRENT-- ))
  case "$command" in
${cases.join("\n")}
  esac
}
compdef _bottle bottle
`;
}

function zshArgument({ argument }: CommandEntry): readonly string[] {
  const files = ARGUMENT_FILES[argument];
  if (files !== undefined) {
    return [`"1:${argument}:_bottle_names $HOME/${files.dir} ${files.suffix === "" ? "''" : files.suffix}"`];
  }
  return argument === "SHELL" ? [single(`1:shell:(${Object.keys(SHELLS).join(" ")})`)] : [];
}

function fishScript(table: readonly CommandEntry[]): string {
  const lines = ["# fish completion for bottle", "complete -c bottle -f"];
  for (const entry of table) {
    lines.push(
      `complete -c bottle -n __fish_use_subcommand -a ${entry.name} -d ${single(entry.summary)}`,
    );
    const when = `-n '__fish_seen_subcommand_from ${entry.name}'`;
    for (const option of entry.options) {
      const value = option.takesValue ? " -x" : "";
      lines.push(
        `complete -c bottle ${when} -l ${option.flag.replace(/^--/, "")}${value} -d ${single(option.text)}`,
      );
    }
    const files = ARGUMENT_FILES[entry.argument];
    if (files !== undefined) {
      const name = files.suffix === ""
        ? "string replace -r '.*/' ''"
        : "string replace -r '.*/(.*)\\.md$' '$1'";
      lines.push(
        `complete -c bottle ${when} -a "(printf '%s\\n' ~/${files.dir}/*${files.suffix} | ${name})"`,
      );
    } else if (entry.argument === "SHELL") {
      lines.push(`complete -c bottle ${when} -a '${Object.keys(SHELLS).join(" ")}'`);
    }
  }
  return lines.join("\n") + "\n";
}

/** Single quotes of a shell. */
function single(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
