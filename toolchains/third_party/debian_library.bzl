"""cc_libraries from the static archives that Debian packages install."""

_ARCHES = {
    "aarch64": struct(debian = "arm64", triplet = "aarch64-linux-gnu"),
    "x86_64": struct(debian = "amd64", triplet = "x86_64-linux-gnu"),
}

_BUILD = """# From the Debian package {package}.
package(
    default_visibility = ["//visibility:public"],
    features = ["-hakmem_warnings"],
)

licenses(["notice"])

cc_library(
    name = "{name}",
    srcs = {srcs},
    hdrs = {hdrs},
    alwayslink = {alwayslink},
    includes = {includes},
    linkopts = {linkopts},
    linkstatic = True,
    target_compatible_with = ["@hakmem//toolchains/platforms:glibc"] +
                             {compatible},
)
"""

def _select(by_arch, default):
    branches = {"@platforms//cpu:" + a: v for a, v in by_arch.items()}
    branches["//conditions:default"] = default
    return "select(%s)" % branches

def _unpack(rctx, arch):
    """Unpacks the package of `arch`; returns its root, or None."""
    root = "unpacked/" + arch
    package = "%s:%s" % (rctx.attr.package, _ARCHES[arch].debian)
    script = ("mkdir -p {root} && cd {root} && apt-get -q download {package}" +
              " && dpkg-deb -x ./*.deb .").format(
        package = package,
        root = root,
    )
    result = rctx.execute(["sh", "-c", script], timeout = 120)
    return str(rctx.path(root)) if result.return_code == 0 else None

def _impl(rctx):
    use = rctx.os.environ.get("HAKMEM_DISTRO_DEPS", "1") != "0"
    srcs = {}
    hdrs = {}
    includes = {}
    for arch in rctx.attr.arches:
        root = ""
        if arch in rctx.attr.unpack_arches:
            root = _unpack(rctx, arch) if use else None
        if root == None:
            continue
        triplet = _ARCHES[arch].triplet
        libdir = root + "/" + (rctx.attr.libdir or "usr/lib/" + triplet)
        archives = [rctx.path(libdir + "/" + a) for a in rctx.attr.archives]
        headers = {}
        for name in rctx.attr.headers:
            # Headers that differ by architecture are below the triplet.
            for folder in ["usr/include/" + triplet, "usr/include"]:
                path = rctx.path("/".join([root, folder, name]))
                if path.exists and name not in headers:
                    headers[name] = path
        if not use or not all([a.exists for a in archives]):
            continue
        if len(headers) != len(rctx.attr.headers):
            continue
        lib_srcs = []
        for archive in archives:
            # Bazel links all of a .lo, and of an .a what is asked for.
            base = archive.basename[:-len(".a")]
            end = ".lo" if rctx.attr.alwayslink else ".a"
            file = "lib/%s/%s%s" % (arch, base, end)
            rctx.symlink(archive, file)
            lib_srcs.append(file)
        include = "include/" + arch
        for name, path in headers.items():
            rctx.symlink(path, include + "/" + name)
        srcs[arch] = lib_srcs
        hdrs[arch] = include
        includes[arch] = [include] + [
            include + "/" + i
            for i in rctx.attr.includes
        ]

    # For who can do without: a dependency that is incompatible would skip it.
    rctx.file("present.bzl", "ARCHES = %s\n" % sorted(srcs.keys()))

    # Where the archive is missing, whatever needs it is skipped, not broken.
    hdrs_value = "[]"
    if hdrs:
        branches = ", ".join([
            '"@platforms//cpu:%s": glob(["%s/**"])' % item
            for item in hdrs.items()
        ] + ['"//conditions:default": []'])
        hdrs_value = "select({%s})" % branches
    rctx.file("BUILD.bazel", _BUILD.format(
        name = rctx.attr.library,
        alwayslink = rctx.attr.alwayslink,
        compatible = _select(
            {arch: [] for arch in srcs},
            ["@platforms//:incompatible"],
        ),
        hdrs = hdrs_value,
        # cc_library(includes) cannot be a select() without a default.
        includes = _select(includes, []),
        linkopts = rctx.attr.linkopts,
        package = rctx.attr.package,
        srcs = _select(srcs, []),
    ))

_ATTRS = {
    "alwayslink": attr.bool(
        doc = "link all of it, as an allocator needs it",
    ),
    "arches": attr.string_list(default = ["x86_64", "aarch64"]),
    "archives": attr.string_list(mandatory = True),
    "headers": attr.string_list(doc = "files or folders, as included"),
    "includes": attr.string_list(doc = "folders of headers to search"),
    "libdir": attr.string(doc = "if it is not usr/lib/<triplet>"),
    "library": attr.string(mandatory = True, doc = "name of the target"),
    "linkopts": attr.string_list(),
    "package": attr.string(mandatory = True),
    "unpack_arches": attr.string_list(
        doc = "whose package is fetched and unpacked, not installed",
    ),
}

# Installed packages: looked at again whenever a Bazel server starts.
debian_library = repository_rule(
    implementation = _impl,
    attrs = _ATTRS,
    configure = True,
    environ = ["HAKMEM_DISTRO_DEPS"],
    local = True,
)

# With unpack_arches: fetched once. After a failure (no network), which leaves
# the target incompatible: toolchains/bazel sync --only=NAME
debian_library_fetched = repository_rule(
    implementation = _impl,
    attrs = _ATTRS,
    environ = ["HAKMEM_DISTRO_DEPS"],
)
