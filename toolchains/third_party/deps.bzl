"""What the build needs from outside: the distribution first, then archives."""

load("@bazel_tools//tools/build_defs/repo:http.bzl", "http_archive")
load(":absl.bzl", "distro_absl")
load(":allocators.bzl", "hakmem_bench_allocators")
load(":debian_library.bzl", "debian_library", "debian_library_fetched")
load(":debian_program.bzl", "debian_program")
load(":debian_sources.bzl", "debian_sources")

_GITHUB = "https://github.com/"

def _local(name, path, present, archive = None, **kwargs):
    if present:
        native.local_repository(name = name, path = path)
    elif archive:
        http_archive(name = name, urls = [_GITHUB + archive], **kwargs)
    # else: Bazel's own default for that repository stays in force.

def _rules(distro):
    # Bazel 4.2 has all of this natively; newer rules_cc need Bazel >= 5.
    native.local_repository(
        name = "rules_cc",
        path = "toolchains/third_party/rules_cc",
    )
    native.local_repository(
        name = "remote_coverage_tools",
        path = "toolchains/third_party/coverage_tools",
    )

    # Bazel 4.2's own copy lacks @platforms//:incompatible.
    _local(
        "platforms",
        "/usr/share/bazel/tools/platforms",
        distro.platforms,
        archive = "bazelbuild/platforms/releases/download/0.0.6/" +
                  "platforms-0.0.6.tar.gz",
        sha256 = "5308fc1d8865406a49427ba24a9ab530" +
                 "87f17f5266a7aabbfc28823f3916e1ca",
    )
    _local(
        "bazel_skylib",
        "/usr/share/bazel/tools/skylib",
        distro.bazel_skylib,
        archive = "bazelbuild/bazel-skylib/releases/download/1.0.3/" +
                  "bazel-skylib-1.0.3.tar.gz",
        sha256 = "1c531376ac7e5a180e0237938a2536de" +
                 "0c54d93f5c278634818e0efc952dd56c",
    )
    _local("rules_java", "/usr/share/bazel/rules/java", distro.rules_java)

def _test_libraries(distro):
    if distro.googletest:
        native.new_local_repository(
            name = "com_google_googletest",
            build_file = "//toolchains/third_party:googletest.BUILD",
            path = "/usr/src/googletest",
        )
    else:
        http_archive(
            name = "com_google_googletest",
            sha256 = "81964fe578e9bd7c94dfdb09c8e4d6e6" +
                     "759e19967e397dbea48d1c10e45d0df2",
            strip_prefix = "googletest-release-1.12.1",
            urls = [_GITHUB + "google/googletest/archive/refs/tags/" +
                    "release-1.12.1.tar.gz"],
        )

    if distro.absl:
        distro_absl(name = "com_google_absl")
    else:
        http_archive(
            name = "com_google_absl",
            sha256 = "91ac87d30cc6d79f9ab974c51874a704" +
                     "de9c2647c40f6932597329a282217ba8",
            strip_prefix = "abseil-cpp-20220623.1",
            urls = [_GITHUB + "abseil/abseil-cpp/archive/refs/tags/" +
                    "20220623.1.tar.gz"],
        )

def _daemon_libraries():
    debian_library(
        name = "sqlite3",
        archives = ["libsqlite3.a"],
        headers = ["sqlite3.h"],
        library = "sqlite3",
        linkopts = ["-lm", "-lpthread", "-ldl"],
        package = "libsqlite3-dev",
    )
    debian_library(
        name = "lua",
        archives = ["liblua5.4.a"],
        headers = ["lua5.4"],
        includes = ["lua5.4"],
        library = "lua",
        linkopts = ["-lm", "-ldl"],
        package = "liblua5.4-dev",
    )

    # Not Multi-Arch: same, so the foreign one cannot be installed.
    debian_library_fetched(
        name = "libevent",
        archives = ["libevent_pthreads.a", "libevent.a"],
        headers = ["event2", "event.h", "evutil.h", "evhttp.h"],
        library = "libevent",
        linkopts = ["-pthread"],
        package = "libevent-dev",
        unpack_arches = ["aarch64"],
    )

def _debian_daemons():
    debian_sources(
        name = "debian_sources",
        packages = [
            "busybox",
            "dnsmasq",
            "lighttpd",
            "mosquitto",
            "redis",
        ],
    )
    debian_program(
        name = "apache_bench",
        package = "apache2-utils",
        program = "ab",
    )

def hakmem_dependencies(distro):
    """Declares every external repository.

    Args:
      distro: DISTRO of @hakmem_distro//:distro.bzl
    """
    _rules(distro)
    _test_libraries(distro)
    _daemon_libraries()
    _debian_daemons()
    hakmem_bench_allocators()
