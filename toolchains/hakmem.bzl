"""What users of hakmem load: load("@hakmem//toolchains:hakmem.bzl", ...)."""

_SCRIPT = """#!/bin/bash
# Exit 2 of the check, "cannot tell", is no proof either.
exec {check} {options} {program}
"""

def _closed_test_impl(ctx):
    program = ctx.executable.binary
    options = ["--variant", ctx.attr.variant] if ctx.attr.variant else []
    out = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.write(
        output = out,
        content = _SCRIPT.format(
            check = ctx.executable._check.short_path,
            options = " ".join(options),
            program = program.short_path,
        ),
        is_executable = True,
    )
    return [DefaultInfo(
        executable = out,
        runfiles = ctx.runfiles(files = [program, ctx.executable._check]),
    )]

_closed_test = rule(
    implementation = _closed_test_impl,
    test = True,
    attrs = {
        "binary": attr.label(
            cfg = "target",
            executable = True,
            mandatory = True,
        ),
        "variant": attr.string(
            values = ["", "release", "hardened", "checked"],
        ),
        "_check": attr.label(
            cfg = "exec",
            default = "//toolchains/check:hakmem-check",
            executable = True,
        ),
    },
)

def hakmem_closed_test(name, binary, variant = "", size = "small", **kwargs):
    """Tests that every allocation of a static program goes to hakmem.

    Fails with the name of what is in the way, and also where nothing can be
    told: link statically (features = ["fully_static_link"] or your own way)
    and do not strip.

    Args:
      name: the name of the test
      binary: a cc_binary or cc_test with malloc = "@hakmem//:hakmem"
      variant: "release", "hardened" or "checked": fail on another one. The
        checked variant links libc's heap by design, so it passes only if it
        is named here.
      size: as everywhere
      **kwargs: what every test has
    """
    _closed_test(
        name = name,
        binary = binary,
        size = size,
        variant = variant,
        **kwargs
    )
