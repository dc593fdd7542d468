/** The Python that has a module, on machines with more than one. */

/** Path of an interpreter that can import the module; undefined: none of this machine's can. */
export async function pythonWith(module: string): Promise<string | undefined> {
  // A machine's own Python is where its packages go, whatever stands before it on the PATH.
  for (const python of ["python3", "/usr/bin/python3"]) {
    try {
      const { success, stdout } = await new Deno.Command(python, {
        args: ["-c", `import sys, ${module}; print(sys.executable)`],
        stdin: "null",
        stderr: "null",
      }).output();
      if (success) return new TextDecoder().decode(stdout).trim();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return undefined;
}
