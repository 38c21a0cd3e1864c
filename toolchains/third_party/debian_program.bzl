"""A program that a Debian package installs, for tests: //:NAME.

Where it is not installed the target is incompatible, and what needs it is
skipped.
"""

_FOUND = """
package(default_visibility = ["//visibility:public"])

filegroup(
    name = "{name}",
    srcs = ["bin/{name}"],
)
"""

# Bazel names the constraint when it is asked why.
_MISSING = """
package(default_visibility = ["//visibility:public"])

constraint_setting(name = "installed")

constraint_value(
    name = "the_package_{package}_is_not_installed",
    constraint_setting = ":installed",
)

filegroup(
    name = "{name}",
    target_compatible_with = [":the_package_{package}_is_not_installed"],
)
"""

def _impl(rctx):
    name = rctx.attr.program
    program = rctx.path("/usr/bin/" + name)
    if program.exists:
        rctx.symlink(program, "bin/" + name)
    rctx.file("BUILD.bazel", (_FOUND if program.exists else _MISSING).format(
        name = name,
        package = rctx.attr.package,
    ))

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
