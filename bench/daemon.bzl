"""The main job, //bench:daemon, and the same as a short test."""

_DATA = {
    "check": "//toolchains/check:hakmem-check",
    "hakmem": "//tests/daemon:telemetryd_hakmem",
    "hakmem_image": "//tests/daemon:telemetryd_hakmem.stripped",
    "libc": "//tests/daemon:telemetryd_libc",
    "libc_image": "//tests/daemon:telemetryd_libc.stripped",
    "load": "//tests/daemon:host",
    "records": "//tests/daemon:records.jsonl",
    "rules": "//tests/daemon:rules.lua",
}

_DEPS = [
    ":daemon_process",
    "//tests/daemon:command_line",
    "@com_google_absl//absl/flags:flag",
    "@com_google_absl//absl/strings",
    "@com_google_absl//absl/strings:str_format",
]

_SRCS = [
    "daemon.cc",
    "daemon_table.cc",
    "daemon_table.h",
]

def _args():
    # The check wants to be told when libc's heap is there on purpose.
    return [
        "--%s=$(rootpath %s)" % item
        for item in _DATA.items()
    ] + select({
        "//toolchains/config:" + variant: ["--variant=" + variant]
        for variant in ["release", "hardened", "checked"]
    })

def daemon_bench(name):
    """Declares :<name>, which compares, and :<name>_smoke_test.

    Args:
      name: daemon
    """
    data = _DATA.values() + [
        "//tests/daemon:records",
        "//tests/daemon:rules",
    ]
    native.cc_binary(
        name = name,
        srcs = _SRCS,
        args = _args(),
        data = data,
        deps = _DEPS,
    )
    native.cc_test(
        name = name + "_smoke_test",
        size = "small",
        srcs = _SRCS,
        args = _args() + ["--smoke"],
        data = data,
        # Compares programs of this machine; elsewhere it is tests/daemon.
        target_compatible_with = [
            "//toolchains/platforms:glibc",
            "@platforms//cpu:x86_64",
        ],
        deps = _DEPS,
    )
