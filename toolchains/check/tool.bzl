"""host_tool: a program of the build machine as data of a test for another one.

A test that is built for aarch64 or musl gets its data built for that, too; the
check is C++ and reads files of any target, so it stays what it is.
"""

def _impl(ctx):
    tool = ctx.executable.tool
    out = ctx.actions.declare_file(ctx.label.name + "/" + tool.basename)
    ctx.actions.symlink(
        output = out,
        target_file = tool,
        is_executable = True,
    )

    # A symlink: in a sandbox it leads nowhere without the tool itself.
    runfiles = ctx.runfiles(files = [out, tool])
    return [DefaultInfo(files = depset([out]), runfiles = runfiles)]

host_tool = rule(
    implementation = _impl,
    attrs = {
        "tool": attr.label(cfg = "exec", executable = True, mandatory = True),
    },
)
