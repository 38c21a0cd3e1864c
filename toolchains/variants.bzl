"""Libraries and tests that exist once per variant of the allocator.

A variant is a suffix: hakmem_cc_library(name = "tiny") declares
:tiny_release, :tiny_hardened and :tiny_checked, and :tiny as an alias to the
one that --//toolchains/config:variant names. Suffixes instead of a transition
keep everything else (GoogleTest above all) built once for all variants.
"""

load(":on_platform.bzl", "on_platform_test")
load(":version.bzl", "HAKMEM_VERSION")
load(":wrap_list.bzl", "wrapped_names")

VARIANTS = ["release", "hardened", "checked"]

# The objects of _CORE_COPTS serve both ways of linking, so they are built once;
# under --force_pic Bazel wants to hear that they can be.
_FEATURES = {
    "//toolchains/config:force_pic": [],
    "//conditions:default": ["-supports_pic"],
}

# What the code below malloc needs to be correct, with any GCC or Clang and
# whatever -c says; so these are copts and not a feature of our toolchains.
# There is one set of objects: position independent enough for -static-pie
# (-fPIE, which comes behind a toolchain's -fPIC), never for a .so (local-exec
# TLS). They run before the stack protector's canary exists, and must not become
# calls of themselves.
_CORE_COPTS = [
    "-fPIE",
    "-ftls-model=local-exec",
    "-fno-builtin-malloc",
    "-fno-builtin-calloc",
    "-fno-builtin-realloc",
    "-fno-builtin-free",
    "-fno-lto",
    "-fno-stack-protector",
    "-ffunction-sections",
    "-fdata-sections",
    "-fvisibility=hidden",
]

# A sanitizer brings its own -O1. Only what HAK_HOT marks is worth the room of
# an alignment.
_OPTIMIZE = {
    "//toolchains/config:unsanitized": [
        "-O2",
        "-fno-align-functions",
        "-fno-align-jumps",
        "-fno-align-loops",
    ],
    "//conditions:default": [],
}

# Unwind tables are 9 KiB beside 28 KiB of code: where size counts they go, and
# a crash handler sees the caller of free() as the return address on the stack.
# aarch64 has a second option for the same tables.
_NO_TABLES = ["-fno-asynchronous-unwind-tables", "-fno-unwind-tables"]
_FRAME_POINTER = {
    "release": ["-fomit-frame-pointer"] + _NO_TABLES,
    "hardened": ["-fomit-frame-pointer"] + _NO_TABLES,
    "checked": ["-fno-omit-frame-pointer"],
}

# Outline atomics would call a libgcc function with a constructor of its own.
_CPU = {
    "@platforms//cpu:aarch64": ["-mno-outline-atomics"],
    "//conditions:default": [],
}

_CXX_COPTS = [
    "-std=c++17",
    "-fno-rtti",
    "-fno-threadsafe-statics",
]

_NO_EXCEPTIONS = ["-fno-exceptions"]

# The toolchain for musl, which has no libstdc++, switches them off. Who links
# operator new into a C++ program brings the library that throws.
_EXCEPTIONS = ["-fexceptions"]

def variant_label(label, variant):
    """The label of one variant of a variant library.

    Args:
      label: "//alloc/tiny", "//alloc/tiny:tiny" or ":tiny"
      variant: release, hardened or checked
    Returns:
      the label with the suffix
    """
    if ":" not in label:
        label += ":" + label.split("/")[-1]
    return label + "_" + variant

def _deps(deps, variant_deps, variant):
    return deps + [variant_label(d, variant) for d in variant_deps]

def _define(variant):
    return "HAKMEM_VARIANT_%s=1" % variant.upper()

def _core_copts(srcs, variant, exceptions):
    copts = _CORE_COPTS + _FRAME_POINTER[variant]
    if type(srcs) != "list" or any([s.endswith(".cc") for s in srcs]):
        copts = copts + _CXX_COPTS
        copts = copts + (_EXCEPTIONS if exceptions else _NO_EXCEPTIONS)
    return copts + select(_OPTIMIZE) + select(_CPU)

def hakmem_cc_library(
        name,
        srcs = [],
        hdrs = [],
        deps = [],
        variant_deps = [],
        copts = [],
        defines = [],
        exceptions = False,
        features = [],
        hardened_srcs = [],
        checked_srcs = [],
        tags = [],
        visibility = None,
        **kwargs):
    """A box of the allocator: a cc_library per variant.

    Args:
      name: declares :<name>_<variant> for each variant, and the alias :<name>
      srcs: C++, or all of it C; a select() is taken for C++
      hdrs: headers
      deps: ordinary libraries
      variant_deps: other hakmem_cc_libraries, named without a suffix
      copts: in addition to those of the core
      defines: in addition to HAKMEM_VARIANT_<VARIANT>=1; propagated
      exceptions: True for the one library that may throw (operator new)
      features: in addition
      hardened_srcs: srcs that the other variants do not have
      checked_srcs: the same for the checked variant
      tags: as everywhere
      visibility: as everywhere
      **kwargs: passed on to cc_library
    """
    only = {"hardened": hardened_srcs, "checked": checked_srcs}
    for variant in VARIANTS:
        native.cc_library(
            name = name + "_" + variant,
            srcs = srcs + only.get(variant, []),
            hdrs = hdrs,
            copts = _core_copts(srcs, variant, exceptions) + copts,
            defines = [_define(variant)] + defines,
            features = select(_FEATURES) + features,
            linkstatic = True,
            local_defines = ['HAKMEM_VERSION=\\"%s\\"' % HAKMEM_VERSION],
            tags = tags,
            visibility = visibility,
            deps = _deps(deps, variant_deps, variant),
            **kwargs
        )
    native.alias(
        name = name,
        actual = select({
            "//toolchains/config:" + variant: ":%s_%s" % (name, variant)
            for variant in VARIANTS
        }),
        tags = tags,
        visibility = visibility,
    )

def wrap_linkopts(variant):
    """The --wrap options of a variant, for linkopts.

    Args:
      variant: release, hardened or checked
    Returns:
      a select() over the C library
    """
    return select({
        "//toolchains/platforms:musl": [
            "-Wl,--wrap=" + n
            for n in wrapped_names("musl", variant)
        ],
        "//conditions:default": [
            "-Wl,--wrap=" + n
            for n in wrapped_names("glibc", variant)
        ],
    })

def hakmem_malloc_library(name, deps = [], variant_deps = [], **kwargs):
    """The allocator as malloc of whoever depends on it: :<name>_<variant>.

    The wrappers must be in srcs: libc.a is last on the link line and asks for
    them when an ordinary archive would already have been passed over.

    Args:
      name: as for hakmem_cc_library
      deps: as for hakmem_cc_library
      variant_deps: as for hakmem_cc_library
      **kwargs: passed on to hakmem_cc_library
    """
    for variant in VARIANTS:
        native.cc_library(
            name = "%s_wrap_%s" % (name, variant),
            linkopts = wrap_linkopts(variant),
            visibility = ["//visibility:private"],
        )
    hakmem_cc_library(
        name = name,
        alwayslink = True,
        target_compatible_with = select({
            "//toolchains/config:own_malloc": ["@platforms//:incompatible"],
            "//conditions:default": [],
        }),
        deps = deps,
        variant_deps = variant_deps + [":%s_wrap" % name],
        **kwargs
    )

def hakmem_cc_test(
        name,
        srcs,
        variants = ["release", "checked"],
        deps = [],
        variant_deps = [],
        platforms = [],
        page_sizes = {},
        features = ["fully_static_link"],
        size = "small",
        target_compatible_with = [],
        **kwargs):
    """A test per variant, linked statically: :<name>_<variant>.

    A GoogleTest is skipped on musl, which has no libstdc++.

    Args:
      name: the test; its variants are :<name>_<variant>
      srcs: sources
      variants: which ones; hardened behaves like release where it is left out
      deps: ordinary libraries
      variant_deps: hakmem_cc_libraries, named without a suffix
      platforms: where else to run it in the same `bazel test`, a list of
        "aarch64-gnu", "aarch64-musl", "x86_64-musl"
      page_sizes: {platform: [bytes]}, emulated; needs an aarch64 platform
      features: toolchain features; ["static_pie"] for a static PIE
      size: as everywhere
      target_compatible_with: as everywhere
      **kwargs: passed on to cc_test
    """
    if any(["com_google_googletest" in d for d in deps]):
        target_compatible_with = target_compatible_with + [
            "//toolchains/platforms:glibc",
        ]
    for variant in variants:
        test = name + "_" + variant
        native.cc_test(
            name = test,
            srcs = srcs,
            features = features,
            linkstatic = True,
            size = size,
            target_compatible_with = target_compatible_with,
            deps = _deps(deps, variant_deps, variant),
            **kwargs
        )
        for platform in platforms:
            for page in [0] + page_sizes.get(platform, []):
                suffix = "_on_" + platform.replace("-", "_")
                if page:
                    suffix += "_%dk" % (page // 1024)
                on_platform_test(
                    name = test + suffix,
                    size = size,
                    args = kwargs.get("args", []),
                    page_size = page,
                    platform = "//toolchains/platforms:linux-" + platform,
                    # Manual and exclusive hold there, too.
                    tags = kwargs.get("tags", []),
                    test = ":" + test,
                )
