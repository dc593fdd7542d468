import { assertEquals } from "@std/assert";
import { parseGitUrl } from "../../../lib/manifest/git_url.ts";

Deno.test("parseGitUrl takes ssh://user@host[:port]/path", () => {
  const cases: [url: string, user: string, host: string, port: number, path: string][] = [
    ["ssh://git@github.com/me/app.git", "git", "github.com", 22, "/me/app.git"],
    ["ssh://git@GitHub.COM./me/app", "git", "github.com", 22, "/me/app"],
    ["ssh://git@git.example:30009/me/app.git", "git", "git.example", 30009, "/me/app.git"],
    ["ssh://me.x-1@10.0.0.1:1/~me/a+b", "me.x-1", "10.0.0.1", 1, "/~me/a+b"],
    ["ssh://git@[::1]:2222/a", "git", "::1", 2222, "/a"],
    ["ssh://git@bücher.example/a", "git", "xn--bcher-kva.example", 22, "/a"],
  ];
  for (const [url, user, host, port, path] of cases) {
    assertEquals(parseGitUrl(url), { user, host, port, path }, url);
  }
});

Deno.test("parseGitUrl refuses all else and says why, without quoting it", () => {
  const shape = "ssh://user@host[:port]/path";
  const cases: [url: string, problem: string][] = [
    ["", `must be an ssh:// URL: ${shape}`],
    ["git@github.com:me/app", `must be an ssh:// URL: ${shape}`],
    ["https://git@github.com/a", `must be an ssh:// URL: ${shape}`],
    ["ssh://git@github.com", `has no path: ${shape}`],
    ["ssh://git@github.com/", `has no path: ${shape}`],
    ["ssh://github.com/a", `has no user: ${shape}`],
    ["ssh://@github.com/a", `has no user: ${shape}`],
    ["ssh://git:secret@github.com/a", "holds a password; the gate logs in with `identity`, so leave it out"],
    ["ssh://-oProxyCommand=x@h/a", "has a user with characters that are not allowed (A-Z a-z 0-9 . _ -)"],
    ["ssh://git@-oProxyCommand=x/a", `has no valid host: ${shape}`],
    ["ssh://git@/a", `has no valid host: ${shape}`],
    ["ssh://git@[::1/a", `has no valid host: ${shape}`],
    ["ssh://git@h:/a", "has a port that is not a number from 1 to 65535"],
    ["ssh://git@h:0/a", "has a port that is not a number from 1 to 65535"],
    ["ssh://git@h:65536/a", "has a port that is not a number from 1 to 65535"],
    ["ssh://git@h:22x/a", "has a port that is not a number from 1 to 65535"],
    [
      "ssh://git@h/a b",
      "has a path with characters that are not allowed (A-Z a-z 0-9 . _ ~ + @ % , : = / -)",
    ],
    [
      "ssh://git@h/$(id)",
      "has a path with characters that are not allowed (A-Z a-z 0-9 . _ ~ + @ % , : = / -)",
    ],
    [
      "ssh://git@h/a\n",
      "has a path with characters that are not allowed (A-Z a-z 0-9 . _ ~ + @ % , : = / -)",
    ],
    ["ssh://git@h/a/../b", "has a path with dot segments"],
  ];
  for (const [url, problem] of cases) assertEquals(parseGitUrl(url), problem, url);
});
