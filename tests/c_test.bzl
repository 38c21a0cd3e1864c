"""hakmem_c_test: a C program that tests the whole allocator on every target."""

load("//toolchains:on_platform.bzl", "on_platform_test")
load("//toolchains:variants.bzl", "hakmem_cc_test")

# -fno-builtin: the compiler knows malloc, and would remove what it tests. -O2
# also where the build is not optimized: these tests fill gigabytes.
_COPTS = [
    "-std=gnu11",
    "-D_GNU_SOURCE",
    "-O2",
    "-fno-builtin",
    "-pthread",
]

_PLATFORMS = ["aarch64-gnu", "aarch64-musl", "x86_64-musl"]

# An address space of 39 bits, as small aarch64 kernels have it.
_SMALL_SPACE = ["--qemu=-R", "--qemu=0x8000000000"]

def hakmem_c_test(
        name,
        srcs,
        deps = [],
        variant_deps = [],
        page_sizes = [],
        small_space = False,
        size = "medium",
        **kwargs):
    """All variants on the build machine, release on the other targets.

    Args:
      name: declares :<name>_<variant> and :<name>_release_on_<platform>
      srcs: C sources
      deps: in addition to //tests:support
      variant_deps: in addition to //alloc/wrap:hakmem
      page_sizes: in bytes, emulated on aarch64-gnu
      small_space: also in an address space of 39 bits
      size: as everywhere
      **kwargs: passed on to hakmem_cc_test
    """
    common = dict(
        srcs = srcs,
        size = size,
        copts = _COPTS,
        linkopts = ["-pthread"],
        variant_deps = ["//alloc/wrap:hakmem"] + variant_deps,
        deps = deps + ["//tests:support"],
        **kwargs
    )
    hakmem_cc_test(
        name = name,
        platforms = _PLATFORMS,
        page_sizes = {"aarch64-gnu": page_sizes},
        variants = ["release"],
        **common
    )
    hakmem_cc_test(
        name = name,
        variants = [
            "checked",
            "hardened",
        ],
        **common
    )
    if small_space:
        on_platform_test(
            name = name + "_release_on_aarch64_gnu_39_bits",
            size = size,
            args = kwargs.get("args", []),
            platform = "//toolchains/platforms:linux-aarch64-gnu",
            qemu_options = _SMALL_SPACE,
            test = ":" + name + "_release",
        )
