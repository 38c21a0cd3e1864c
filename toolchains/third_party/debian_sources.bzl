"""Debian's source packages, as apt-get source fetches them, for tests.

@debian_sources//:NAME is the .dsc of a package and all that belongs to it, to
be unpacked by dpkg-source -x, which also applies Debian's patches. What apt
cannot fetch is incompatible, so that its tests are skipped, and said.
"""

_FETCHED = """
filegroup(
    name = "{name}",
    srcs = glob(["{name}/**"]),
)
"""

_MISSING = """
cc_library(
    name = "{name}",
    target_compatible_with = ["@platforms//:incompatible"],
)
"""

def _impl(rctx):
    script = rctx.path(rctx.attr._script)
    command = ["bash", str(script)] + rctx.attr.packages
    result = rctx.execute(command, timeout = 300)
    build = ['package(default_visibility = ["//visibility:public"])']
    for name in rctx.attr.packages:
        if rctx.path(name).exists and result.return_code == 0:
            build.append(_FETCHED.format(name = name))
            continue
        why = result.stderr
        if rctx.path(name + ".missing").exists:
            why = rctx.read(name + ".missing") or why

        # A sentence for who wonders about SKIPPED.
        # buildifier: disable=print
        print(("the source package %s could not be fetched (%s): what is " +
               "built of it is skipped; toolchains/bazel sync --only=%s " +
               "tries again") % (name, why.strip(), rctx.name))
        build.append(_MISSING.format(name = name))
    rctx.file("BUILD.bazel", "\n".join(build))

debian_sources = repository_rule(
    implementation = _impl,
    attrs = {
        "packages": attr.string_list(mandatory = True),
        "_script": attr.label(
            default = "//toolchains/third_party:debian_sources.sh",
        ),
    },
)
