"""A repository from the upstream archive that Debian's source package has.

Where that archive is follows from where apt would get one of its binary
packages; so no mirror is named here, and the system's apt is not changed. The
checksum says that it is the right one.
"""

def _impl(rctx):
    # Prints 'URL' NAME SIZE HASH.
    uris = rctx.execute([
        "apt-get",
        "download",
        "--print-uris",
        rctx.attr.binary_package,
    ], timeout = 60)
    fetched = False
    if uris.return_code == 0 and uris.stdout.startswith("'"):
        folder = uris.stdout.split("'")[1].rpartition("/")[0]
        result = rctx.download_and_extract(
            allow_fail = True,
            output = "source",
            sha256 = rctx.attr.sha256,
            stripPrefix = rctx.attr.strip_prefix,
            url = folder + "/" + rctx.attr.archive,
        )
        fetched = result.success
    # For who can do without: a dependency that is incompatible would skip it.
    arches = ["aarch64", "x86_64"] if fetched else []
    rctx.file("present.bzl", "ARCHES = %s\n" % arches)
    if not fetched:
        # Dependents are skipped.
        rctx.file("BUILD.bazel", """cc_library(
    name = "{name}",
    target_compatible_with = ["@platforms//:incompatible"],
    visibility = ["//visibility:public"],
)
""".format(name = rctx.attr.library))
        return
    rctx.template("BUILD.bazel", rctx.attr.build_file, {})

debian_source = repository_rule(
    implementation = _impl,
    attrs = {
        "archive": attr.string(mandatory = True, doc = "its URL's last part"),
        "binary_package": attr.string(mandatory = True),
        "build_file": attr.label(mandatory = True),
        "library": attr.string(mandatory = True, doc = "name of the target"),
        "sha256": attr.string(mandatory = True),
        "strip_prefix": attr.string(),
    },
)
