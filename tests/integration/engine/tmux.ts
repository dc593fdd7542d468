/** A real terminal for tests: a tmux server of our own, typed into and read from. */

/** A terminal running a shell. */
export class Terminal implements AsyncDisposable {
  readonly #server: string;
  readonly #folder: string;

  private constructor(server: string, folder: string) {
    this.#server = server;
    this.#folder = folder;
  }

  /** Opens a terminal of 80×24 in an own tmux server. */
  static async open(): Promise<Terminal> {
    const folder = await Deno.makeTempDir({ prefix: "bottle-tmux-" });
    const terminal = new Terminal(`${folder}/tmux.sock`, folder);
    await terminal.#tmux(
      "-f",
      "/dev/null",
      "new-session",
      "-d",
      "-s",
      "t",
      "-x",
      "80",
      "-y",
      "24",
      "env PS1='$ ' sh",
    );
    await terminal.#tmux("set-option", "-g", "window-size", "manual");
    return terminal;
  }

  /** Types text as it is. */
  async type(text: string): Promise<void> {
    await this.#tmux("send-keys", "-t", "t", "-l", text);
  }

  /** Presses keys by tmux's names: `Enter`, `C-c`, `Escape`, `Up` … */
  async press(...keys: readonly string[]): Promise<void> {
    await this.#tmux("send-keys", "-t", "t", ...keys);
  }

  /** Types a command line and Enter. */
  async run(line: string): Promise<void> {
    await this.type(line);
    await this.press("Enter");
  }

  /** Changes the size. */
  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux("resize-window", "-t", "t", "-x", `${columns}`, "-y", `${rows}`);
  }

  /** What is on the screen. */
  async screen(): Promise<string> {
    return await this.#tmux("capture-pane", "-p", "-t", "t");
  }

  /** Waits until the screen shows something; fails with the screen after 15 s. */
  async shows(wanted: string | RegExp): Promise<string> {
    const until = performance.now() + 15_000;
    let screen = "";
    while (performance.now() < until) {
      screen = await this.screen();
      if (typeof wanted === "string" ? screen.includes(wanted) : wanted.test(screen)) return screen;
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    throw new Error(`the terminal did not show ${wanted}:\n${screen.trimEnd()}`);
  }

  /** Modes that a program has set: `mouse 1 cursor 1`. */
  async modes(): Promise<string> {
    const format = "mouse #{mouse_any_flag} cursor #{cursor_flag}";
    return (await this.#tmux("display-message", "-p", "-t", "t", format)).trim();
  }

  /** Ends the server and all in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux("kill-server").catch(() => undefined);
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #tmux(...args: readonly string[]): Promise<string> {
    const command = new Deno.Command("tmux", {
      args: ["-u", "-S", this.#server, ...args],
      env: { TERM: "xterm-256color" },
    });
    const { success, stdout, stderr } = await command.output();
    if (!success) throw new Error(`tmux ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
    return new TextDecoder().decode(stdout);
  }
}
