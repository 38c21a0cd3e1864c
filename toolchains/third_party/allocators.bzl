"""The allocators that bench/ compares with, as Debian ships them.

Each is a cc_library that defines malloc, linked as a whole. Where one cannot
be had its target is incompatible, and what needs it is skipped.
"""

load(":debian_library.bzl", "debian_library")
load(":debian_source.bzl", "debian_source")

def hakmem_bench_allocators():
    """Declares @jemalloc, @tcmalloc, @scudo and @mimalloc."""
    debian_library(
        name = "jemalloc",
        alwayslink = True,
        arches = ["x86_64"],
        archives = ["libjemalloc.a"],
        library = "jemalloc",
        linkopts = ["-lstdc++", "-lm", "-pthread"],
        package = "libjemalloc-dev",
    )
    debian_library(
        name = "tcmalloc",
        alwayslink = True,
        arches = ["x86_64"],
        archives = ["libtcmalloc_minimal.a"],
        library = "tcmalloc",
        linkopts = ["-lstdc++", "-lm", "-pthread"],
        package = "libgoogle-perftools-dev",
    )
    debian_library(
        name = "scudo",
        alwayslink = True,
        arches = ["x86_64"],
        archives = [
            "libclang_rt.scudo_standalone-x86_64.a",
            "libclang_rt.scudo_standalone_cxx-x86_64.a",
        ],
        libdir = "usr/lib/llvm-14/lib/clang/14.0.6/lib/linux",
        library = "scudo",
        linkopts = ["-lstdc++", "-pthread"],
        package = "libclang-rt-14-dev",
    )
    debian_source(
        name = "mimalloc",
        archive = "mimalloc_2.0.9%2bds.orig.tar.xz",
        binary_package = "libmimalloc-dev",
        build_file = "//toolchains/third_party:mimalloc.BUILD",
        library = "mimalloc",
        sha256 = ("cbc9d207ff105ad1f0cb739c37807614" +
                  "3a6452b8d0624309cea0abfb040e972b"),
        strip_prefix = "mimalloc-2.0.9+ds",
    )
