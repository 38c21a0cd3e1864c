"""GCC toolchains: {x86_64,aarch64} x {glibc,musl}, in Debian's file layout."""

load(
    "@bazel_tools//tools/cpp:cc_toolchain_config_lib.bzl",
    "feature",
    "feature_set",
    "flag_group",
    "flag_set",
    "tool_path",
    "with_feature_set",
)
load("@bazel_tools//tools/build_defs/cc:action_names.bzl", "ACTION_NAMES")

_C = [
    ACTION_NAMES.c_compile,
    ACTION_NAMES.assemble,
    ACTION_NAMES.preprocess_assemble,
]

_CXX = [
    ACTION_NAMES.cpp_compile,
    ACTION_NAMES.cpp_header_parsing,
    ACTION_NAMES.cpp_module_compile,
    ACTION_NAMES.cpp_module_codegen,
    ACTION_NAMES.linkstamp_compile,
    ACTION_NAMES.lto_backend,
    ACTION_NAMES.clif_match,
]

_COMPILE = _C + _CXX

_LINK = [
    ACTION_NAMES.cpp_link_executable,
    ACTION_NAMES.cpp_link_dynamic_library,
    ACTION_NAMES.cpp_link_nodeps_dynamic_library,
]

def _flags(actions, flags, with_features = [], not_features = []):
    sets = []
    if with_features or not_features:
        sets = [with_feature_set(
            features = with_features,
            not_features = not_features,
        )]
    if not flags:
        return []
    return [flag_set(
        actions = actions,
        flag_groups = [flag_group(flags = flags)],
        with_features = sets,
    )]

def _impl(ctx):
    tools = {
        "gcc": ctx.attr.gcc,
        "cpp": ctx.attr.gcc,
        "ar": ctx.attr.binutils + "ar",
        "ld": ctx.attr.binutils + "ld",
        "nm": ctx.attr.binutils + "nm",
        "objcopy": ctx.attr.binutils + "objcopy",
        "objdump": ctx.attr.binutils + "objdump",
        "strip": ctx.attr.binutils + "strip",
        "gcov": ctx.attr.gcov,
        "dwp": "/bin/false",
    }

    default_compile = feature(
        name = "default_compile_flags",
        enabled = True,
        flag_sets =
            _flags(_COMPILE, [
                "-fstack-protector-strong",
                "-Wall",
            ] + ctx.attr.compile_flags) +
            _flags(_C, ctx.attr.c_flags) +
            # objcopy cannot make a GNU unique symbol local (//:dist).
            _flags(_CXX, ["-std=c++17", "-fno-gnu-unique"] +
                         ctx.attr.cxx_flags) +
            _flags(_COMPILE, ["-g"], with_features = ["dbg"]) +
            _flags(_COMPILE, [
                "-O2",
                "-DNDEBUG",
                "-ffunction-sections",
                "-fdata-sections",
            ], with_features = ["opt"]),
    )
    default_link = feature(
        name = "default_link_flags",
        enabled = True,
        flag_sets =
            _flags(_LINK, [
                "-Wl,-z,relro,-z,now",
                "-no-canonical-prefixes",
            ] + ctx.attr.link_flags) +
            _flags(_LINK, ["-Wl,--gc-sections"], with_features = ["opt"]),
    )

    # After the user's flags and libraries, for -lstdc++ and friends.
    link_libs = feature(
        name = "link_libs",
        enabled = True,
        flag_sets = _flags(_LINK, ctx.attr.link_libs),
    )
    unfilterable = feature(
        name = "unfilterable_compile_flags",
        enabled = True,
        flag_sets = _flags(_COMPILE, [
            "-no-canonical-prefixes",
            "-fno-canonical-system-headers",
            "-Wno-builtin-macro-redefined",
            "-D__DATE__=\"redacted\"",
            "-D__TIMESTAMP__=\"redacted\"",
            "-D__TIME__=\"redacted\"",
        ]),
    )

    # Static linking, off under the sanitizers that cannot do it.
    dynamic_only = ["asan", "tsan"]
    fully_static_link = feature(
        name = "fully_static_link",
        # There is no musl dynamic loader on the build machine (nor under qemu).
        enabled = ctx.attr.libc == "musl",
        flag_sets = _flags(
            [ACTION_NAMES.cpp_link_executable],
            ["-static"],
            not_features = dynamic_only + ["static_pie"],
        ),
    )
    static_pie = feature(
        name = "static_pie",
        flag_sets =
            _flags(_COMPILE, ["-fPIE"]) +
            _flags(
                [ACTION_NAMES.cpp_link_executable],
                ["-static-pie"],
                not_features = dynamic_only,
            ),
    )

    # On for the whole tree by .bazelrc. A package of somebody else's code says
    # features = ["-hakmem_warnings"].
    warnings = feature(
        name = "hakmem_warnings",
        flag_sets =
            _flags(_COMPILE, [
                "-Wextra",
                "-Wconversion",
                "-Wshadow",
                "-Wundef",
                "-Wvla",
                "-Wpointer-arith",
                "-Wwrite-strings",
                "-Werror",
            ]) +
            _flags(_CXX, ["-Wnon-virtual-dtor", "-Woverloaded-virtual"]),
    )

    sanitizers = [
        feature(
            name = name,
            provides = ["sanitizer_runtime"] if name in dynamic_only else [],
            flag_sets = _flags(_COMPILE, [
                "-fsanitize=" + san,
                "-g",
                "-fno-omit-frame-pointer",
            ] + extra) + _flags(_LINK, ["-fsanitize=" + san]),
        )
        for name, san, extra in [
            ("asan", "address", ["-O1"]),
            ("tsan", "thread", ["-O1"]),
            # vptr needs libstdc++ behind libubsan.a, which gcc puts last.
            ("ubsan", "undefined", [
                "-fno-sanitize=vptr",
                "-fno-sanitize-recover=all",
            ]),
        ]
    ]

    features = [
        feature(name = "supports_pic", enabled = True),
        feature(name = "dbg"),
        feature(name = "opt"),
        feature(name = "fastbuild"),
        default_compile,
        default_link,
        fully_static_link,
        static_pie,
        warnings,
        unfilterable,
        link_libs,
    ] + (sanitizers if ctx.attr.sanitizers else [])

    return cc_common.create_cc_toolchain_config_info(
        ctx = ctx,
        features = features,
        toolchain_identifier = "hakmem-" + ctx.attr.target,
        host_system_name = "local",
        target_system_name = ctx.attr.target,
        target_cpu = ctx.attr.cpu,
        target_libc = ctx.attr.libc,
        compiler = "gcc",
        abi_version = "gcc",
        abi_libc_version = ctx.attr.libc,
        cxx_builtin_include_directories = ctx.attr.builtin_includes,
        tool_paths = [tool_path(name = n, path = p) for n, p in tools.items()],
    )

cc_toolchain_config = rule(
    implementation = _impl,
    attrs = {
        "target": attr.string(mandatory = True),
        "cpu": attr.string(mandatory = True),
        "libc": attr.string(mandatory = True),
        "gcc": attr.string(mandatory = True),
        "gcov": attr.string(mandatory = True),
        "binutils": attr.string(mandatory = True),
        "builtin_includes": attr.string_list(),
        "compile_flags": attr.string_list(),
        "c_flags": attr.string_list(),
        "cxx_flags": attr.string_list(),
        "link_flags": attr.string_list(),
        "link_libs": attr.string_list(),
        "sanitizers": attr.bool(),
    },
    provides = [CcToolchainConfigInfo],
)
