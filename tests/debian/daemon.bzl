"""debian_daemon: other people's program, linked with hakmem as they link it."""

load("//toolchains/config:sanitizers.bzl", "UNSANITIZED")

def _impl(ctx):
    dsc = [f for f in ctx.files.source if f.extension == "dsc"][0]
    dist = ctx.file._dist
    folder = ctx.label.name
    out_dir = "%s/%s/%s" % (ctx.bin_dir.path, ctx.label.package, folder)
    outs = [
        ctx.actions.declare_file("%s/%s/%s" % (folder, malloc, program))
        for malloc in ["hakmem", "libc"]
        for program in ctx.attr.programs
    ]
    ctx.actions.run(
        outputs = outs,
        inputs = [dist, ctx.file.recipe] + ctx.files.source + ctx.files._link,
        executable = ctx.executable._build,
        arguments = [ctx.file.recipe.path, out_dir, dsc.path],
        env = {
            "HAKMEM_TARBALL": dist.path,
            "LC_ALL": "C",
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        },
        mnemonic = "DebianDaemon",
        progress_message = "Building Debian's " + dsc.basename,
    )
    return [DefaultInfo(
        files = depset(outs),
        runfiles = ctx.runfiles(files = outs),
    )]

_debian_daemon = rule(
    implementation = _impl,
    attrs = {
        "programs": attr.string_list(mandatory = True),
        "recipe": attr.label(allow_single_file = [".sh"], mandatory = True),
        "source": attr.label(mandatory = True),
        "_build": attr.label(
            cfg = "exec",
            default = ":build",
            executable = True,
        ),
        "_dist": attr.label(allow_single_file = True, default = "//:dist"),
        "_link": attr.label(
            allow_files = True,
            default = "//tests/link:link.sh",
        ),
    },
)

def debian_daemon(name, programs):
    """NAME/hakmem/PROGRAM and NAME/libc/PROGRAM of Debian's source package.

    Args:
      name: the source package; NAME_recipe.sh says how to build it
      programs: file names of what the recipe links
    """
    _debian_daemon(
        name = name,
        programs = programs,
        recipe = name + "_recipe.sh",
        source = "@debian_sources//:" + name,
        # Under a sanitizer there is no //:dist.
        target_compatible_with = UNSANITIZED,
    )
