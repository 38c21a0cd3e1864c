"""A program of the build machine, whatever platform is being built for."""

def _impl(ctx):
    program = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(
        output = program,
        target_file = ctx.executable.tool,
        is_executable = True,
    )
    runfiles = ctx.runfiles(files = [program, ctx.executable.tool])
    return [DefaultInfo(executable = program, runfiles = runfiles)]

host_tool = rule(
    implementation = _impl,
    attrs = {
        "tool": attr.label(cfg = "exec", executable = True, mandatory = True),
    },
    doc = "The load generator is never under test: it is built once, for " +
          "the build machine, and so under qemu only the daemon is slow.",
    executable = True,
)
