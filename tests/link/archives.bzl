"""static_archives: what a program is made of, for a script that links it.

The headers of its libraries are there as well, for a script that compiles it.
"""

def _impl(ctx):
    outs = []
    linker_inputs = ctx.attr.target[CcInfo].linking_context.linker_inputs
    for item in linker_inputs.to_list():
        for library in item.libraries:
            archive = library.pic_static_library or library.static_library

            # .lo is what must be linked whole.
            out = ctx.actions.declare_file("%s/%d-%s.%s" % (
                ctx.label.name,
                len(outs),
                archive.basename.split(".")[0],
                "lo" if library.alwayslink else "a",
            ))
            ctx.actions.symlink(output = out, target_file = archive)
            outs.append(out)
    return [DefaultInfo(
        files = depset(outs),
        runfiles = ctx.runfiles(
            files = outs,
            transitive_files = ctx.attr.target[CcInfo]
                .compilation_context.headers,
        ),
    )]

static_archives = rule(
    implementation = _impl,
    attrs = {"target": attr.label(mandatory = True, providers = [CcInfo])},
)
