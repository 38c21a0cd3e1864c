"""One macro per (cpu, libc): the toolchain with its configuration."""

load(":cc_toolchain_config.bzl", "cc_toolchain_config")

_GCC = {
    "x86_64": struct(
        gcc = "/usr/bin/x86_64-linux-gnu-gcc-12",
        gcov = "/usr/bin/x86_64-linux-gnu-gcov-12",
        binutils = "/usr/bin/x86_64-linux-gnu-",
        gcc_include = "/usr/lib/gcc/x86_64-linux-gnu/12/include",
        cxx_include = [
            "/usr/include/c++/12",
            "/usr/include/x86_64-linux-gnu/c++/12",
        ],
        builtin_includes = [
            "/usr/lib/gcc/x86_64-linux-gnu/12/include",
            "/usr/include",
        ],
    ),
    "aarch64": struct(
        gcc = "/usr/bin/aarch64-linux-gnu-gcc-12",
        gcov = "/usr/bin/aarch64-linux-gnu-gcov-12",
        binutils = "/usr/bin/aarch64-linux-gnu-",
        gcc_include = "/usr/lib/gcc-cross/aarch64-linux-gnu/12/include",
        cxx_include = [
            "/usr/aarch64-linux-gnu/include/c++/12",
            "/usr/aarch64-linux-gnu/include/c++/12/aarch64-linux-gnu",
        ],
        builtin_includes = [
            "/usr/lib/gcc-cross/aarch64-linux-gnu/12/include",
            "/usr/aarch64-linux-gnu/include",
            "/usr/include",
        ],
    ),
}

def gcc_toolchain(cpu, libc):
    """Declares :linux-<cpu>-<libc>, a registered cc toolchain.

    Args:
      cpu: x86_64 or aarch64
      libc: gnu or musl
    """
    target = "linux-%s-%s" % (cpu, libc)
    g = _GCC[cpu]
    if libc == "gnu":
        compile_flags = []
        c_flags = []
        cxx_flags = []
        link_flags = []
        link_libs = ["-lstdc++", "-lm"]
        builtin_includes = g.builtin_includes
    else:
        musl_include = "/usr/include/%s-linux-musl" % cpu
        musl_lib = "/usr/lib/%s-linux-musl" % cpu

        # musl-dev has no compiler of its own: GCC with musl's headers,
        # start files (-B) and archives (-L). Header order: C++, musl, GCC.
        compile_flags = ["-nostdinc"]
        c_includes = ["-isystem", musl_include, "-isystem", g.gcc_include]
        c_flags = c_includes
        cxx_flags = []
        for d in g.cxx_include:
            cxx_flags += ["-isystem", d]
        cxx_flags += c_includes

        # libstdc++'s <os_defines.h> asks glibc's __GLIBC_PREREQ.
        cxx_flags += [
            "-D__GLIBC_PREREQ(major,minor)=0",
            "-fno-exceptions",
            "-fno-rtti",
        ]
        link_flags = ["-B" + musl_lib, "-L" + musl_lib]
        link_libs = []
        builtin_includes = [musl_include] + g.builtin_includes

    cc_toolchain_config(
        name = target + "_config",
        target = target,
        cpu = cpu,
        libc = "glibc" if libc == "gnu" else "musl",
        gcc = g.gcc,
        gcov = g.gcov,
        binutils = g.binutils,
        builtin_includes = builtin_includes,
        compile_flags = compile_flags,
        c_flags = c_flags,
        cxx_flags = cxx_flags,
        link_flags = link_flags,
        link_libs = link_libs,
        sanitizers = libc == "gnu",
    )
    native.cc_toolchain(
        name = target + "_cc",
        all_files = ":empty",
        ar_files = ":empty",
        as_files = ":empty",
        compiler_files = ":empty",
        dwp_files = ":empty",
        linker_files = ":empty",
        objcopy_files = ":empty",
        strip_files = ":empty",
        supports_param_files = True,
        toolchain_config = ":" + target + "_config",
        toolchain_identifier = "hakmem-" + target,
    )
    native.toolchain(
        name = target,
        exec_compatible_with = [
            "@platforms//os:linux",
            "@platforms//cpu:x86_64",
        ],
        target_compatible_with = [
            "@platforms//os:linux",
            "@platforms//cpu:" + cpu,
            "//toolchains/platforms:" + ("glibc" if libc == "gnu" else "musl"),
        ],
        toolchain = ":" + target + "_cc",
        toolchain_type = "@bazel_tools//tools/cpp:toolchain_type",
    )
