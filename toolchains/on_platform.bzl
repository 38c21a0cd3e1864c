"""on_platform_test: runs an existing test, built for another platform."""

load("//toolchains/config:sanitizers.bzl", "UNSANITIZED")

def _transition_impl(_settings, attr):
    return {
        "//command_line_option:platforms": str(attr.platform),
        # Without it both builds would write to one output directory.
        "//command_line_option:platform_suffix": "-on-" + attr.platform.name,
    }

_to_platform = transition(
    implementation = _transition_impl,
    inputs = [],
    outputs = [
        "//command_line_option:platforms",
        "//command_line_option:platform_suffix",
    ],
)

_SCRIPT = """#!/bin/bash
exec {runner} {options} {program} "$@"
"""

def _impl(ctx):
    test = ctx.attr.test[0][DefaultInfo]
    program = test.files_to_run.executable
    options = list(ctx.attr.qemu_options)
    if ctx.attr.page_size:
        options.append("--page=%d" % ctx.attr.page_size)
    out = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.write(
        output = out,
        content = _SCRIPT.format(
            options = " ".join(options),
            program = program.short_path,
            runner = ctx.executable._runner.short_path,
        ),
        is_executable = True,
    )
    runfiles = ctx.runfiles(files = [program, ctx.executable._runner])
    runfiles = runfiles.merge(test.default_runfiles)
    runfiles = runfiles.merge(ctx.attr._runner[DefaultInfo].default_runfiles)
    return [DefaultInfo(executable = out, runfiles = runfiles)]

_on_platform_test = rule(
    implementation = _impl,
    test = True,
    attrs = {
        "page_size": attr.int(),
        "platform": attr.label(mandatory = True),
        "qemu_options": attr.string_list(),
        "test": attr.label(cfg = _to_platform, mandatory = True),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/" +
                      "function_transition_allowlist",
        ),
        "_runner": attr.label(
            cfg = "target",
            default = "//toolchains:run_target",
            executable = True,
        ),
    },
)

def on_platform_test(name, test, platform, size = "small", **kwargs):
    """Runs `test` for `platform` in the same `bazel test` as everything else.

    Each platform builds GoogleTest again, so few and fat tests. The args and
    env of `test` are not seen here; give them again.

    Args:
      name: the name of this test
      test: a cc_test, or an sh_test that starts programs by $HAKMEM_RUNNER
      platform: "//toolchains/platforms:linux-aarch64-gnu" and so on
      size: as everywhere
      **kwargs: page_size (bytes, emulated), qemu_options (for example
        ["--qemu=-R", "--qemu=0x8000000000"]), and what every test has
    """
    _on_platform_test(
        name = name,
        platform = platform,
        size = size,
        # The sanitizers are host tools.
        target_compatible_with = UNSANITIZED,
        test = test,
        **kwargs
    )
