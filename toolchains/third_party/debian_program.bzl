"""A program that a Debian package installs, for tests: //:NAME.

Where it is not installed the target is incompatible, so that what needs it is
skipped, and that is said.
"""

_FOUND = """
filegroup(
    name = "{name}",
    srcs = ["bin/{name}"],
    visibility = ["//visibility:public"],
)
"""

_MISSING = """
cc_library(
    name = "{name}",
    target_compatible_with = ["@platforms//:incompatible"],
    visibility = ["//visibility:public"],
)
"""

def _impl(rctx):
    name = rctx.attr.program
    program = rctx.path("/usr/bin/" + name)
    if program.exists:
        rctx.symlink(program, "bin/" + name)
        rctx.file("BUILD.bazel", _FOUND.format(name = name))
        return

    # A sentence for who wonders about SKIPPED.
    # buildifier: disable=print
    print(("%s is not installed (Debian: %s): the tests that need it are " +
           "skipped") % (name, rctx.attr.package))
    rctx.file("BUILD.bazel", _MISSING.format(name = name))

# Looked at again whenever a Bazel server starts.
debian_program = repository_rule(
    implementation = _impl,
    attrs = {
        "package": attr.string(mandatory = True),
        "program": attr.string(mandatory = True),
    },
    configure = True,
    local = True,
)
