"""A cc_library from static archives and headers the distribution installs per CPU."""

_ARCHES = {
    "x86_64": "x86_64-linux-gnu",
    "aarch64": "aarch64-linux-gnu",
}

def _impl(rctx):
    use = rctx.os.environ.get("HAKMEM_DISTRO_DEPS", "1") != "0"
    have_headers = use and all([rctx.path(h).exists for h in rctx.attr.headers])
    if have_headers:
        for src in rctx.attr.headers:
            rctx.symlink(src, "include/" + src[len("/usr/include/"):])
    srcs = {}
    for arch, triplet in _ARCHES.items():
        lib = rctx.path("/usr/lib/%s/%s" % (triplet, rctx.attr.archive))
        if have_headers and lib.exists:
            rctx.symlink(lib, "lib/%s/%s" % (arch, rctx.attr.archive))
            srcs["@platforms//cpu:" + arch] = ["lib/%s/%s" % (arch, rctx.attr.archive)]

    # Where the archive is missing, whatever depends on it is skipped, not broken.
    compatible = {cpu: [] for cpu in srcs}
    compatible["//conditions:default"] = ["@platforms//:incompatible"]
    srcs["//conditions:default"] = []
    rctx.file("BUILD.bazel", """# apt-get install {package} {package}:arm64
package(default_visibility = ["//visibility:public"])

cc_library(
    name = "{name}",
    srcs = select({srcs}),
    hdrs = glob(["include/**"]),
    includes = {includes},
    linkopts = {linkopts},
    linkstatic = True,
    target_compatible_with = ["@hakmem//toolchains/platforms:glibc"] + select({compatible}),
)
""".format(
        package = rctx.attr.package,
        name = rctx.attr.library,
        srcs = srcs,
        includes = ["include"] + rctx.attr.includes,
        linkopts = rctx.attr.linkopts,
        compatible = compatible,
    ))

distro_static_lib = repository_rule(
    implementation = _impl,
    attrs = {
        "library": attr.string(mandatory = True),
        "package": attr.string(mandatory = True),
        "archive": attr.string(mandatory = True),
        "headers": attr.string_list(),
        "includes": attr.string_list(),
        "linkopts": attr.string_list(),
    },
    environ = ["HAKMEM_DISTRO_DEPS"],
    configure = True,
    local = True,
)
