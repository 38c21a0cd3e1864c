load("@bazel_tools//tools/build_defs/repo:http.bzl", "http_archive")
load(":static_lib.bzl", "distro_static_lib")
load(":absl.bzl", "distro_absl")

def _local(name, path, present, **fallback):
    if present:
        native.local_repository(name = name, path = path)
    elif fallback:
        http_archive(name = name, **fallback)
    # else: Bazel's own default for that repository stays in force.

def hakmem_dependencies(distro):
    # Bazel 4.2 has all of this natively; newer rules_cc need Bazel >= 5.
    native.local_repository(name = "rules_cc", path = "toolchains/third_party/rules_cc")
    native.local_repository(name = "remote_coverage_tools", path = "toolchains/third_party/coverage_tools")
    _local(
        "platforms",
        "/usr/share/bazel/tools/platforms",
        distro.platforms,
        # abseil 20220623 selects on cpu:wasm64, which Bazel 4.2's own copy lacks.
        urls = ["https://github.com/bazelbuild/platforms/releases/download/0.0.6/platforms-0.0.6.tar.gz"],
        sha256 = "5308fc1d8865406a49427ba24a9ab53087f17f5266a7aabbfc28823f3916e1ca",
    )
    _local(
        "bazel_skylib",
        "/usr/share/bazel/tools/skylib",
        distro.bazel_skylib,
        urls = ["https://github.com/bazelbuild/bazel-skylib/releases/download/1.0.3/bazel-skylib-1.0.3.tar.gz"],
        sha256 = "1c531376ac7e5a180e0237938a2536de0c54d93f5c278634818e0efc952dd56c",
    )
    _local("rules_java", "/usr/share/bazel/rules/java", distro.rules_java)
    _local("rules_proto", "/usr/share/bazel/rules/proto", distro.rules_proto)

    if distro.googletest:
        native.new_local_repository(
            name = "com_google_googletest",
            path = "/usr/src/googletest",
            build_file = "//toolchains/third_party:googletest.BUILD",
        )
    else:
        http_archive(
            name = "com_google_googletest",
            urls = ["https://github.com/google/googletest/archive/refs/tags/release-1.12.1.tar.gz"],
            sha256 = "81964fe578e9bd7c94dfdb09c8e4d6e6759e19967e397dbea48d1c10e45d0df2",
            strip_prefix = "googletest-release-1.12.1",
        )

    if distro.absl_x86_64:
        distro_absl(name = "com_google_absl")
    else:
        http_archive(
            name = "com_google_absl",
            urls = ["https://github.com/abseil/abseil-cpp/archive/refs/tags/20220623.1.tar.gz"],
            sha256 = "91ac87d30cc6d79f9ab974c51874a704de9c2647c40f6932597329a282217ba8",
            strip_prefix = "abseil-cpp-20220623.1",
        )

    distro_static_lib(
        name = "sqlite3",
        library = "sqlite3",
        package = "libsqlite3-dev",
        archive = "libsqlite3.a",
        headers = ["/usr/include/sqlite3.h"],
        linkopts = ["-lm", "-lpthread", "-ldl"],
    )
    distro_static_lib(
        name = "lua",
        library = "lua",
        package = "liblua5.4-dev",
        archive = "liblua5.4.a",
        headers = ["/usr/include/lua5.4"],
        includes = ["include/lua5.4"],
        linkopts = ["-lm", "-ldl"],
    )

def hakmem_toolchains():
    native.register_toolchains("//toolchains:all")
