"""The programs of the bench; the one list of them."""

def _workload(name, extra_srcs = [], hdrs = [], deps = [], musl = True):
    return struct(
        srcs = [name + ".c"] + extra_srcs,
        hdrs = hdrs,
        deps = deps,
        # Debian's static libraries are for glibc.
        musl = musl,
    )

WORKLOADS = {
    "aligned": _workload("aligned"),
    "burst_idle": _workload("burst_idle"),
    "fragment": _workload("fragment"),
    "large_blocks": _workload("large_blocks"),
    "larson": _workload("larson"),
    "latency": _workload(
        "latency",
        extra_srcs = ["syscall_counter.c"],
        hdrs = [
            "cycles.h",
            "syscall_counter.h",
        ],
    ),
    "lua_scripts": _workload(
        "lua_scripts",
        hdrs = ["lua_scripts.h"],
        deps = ["@lua"],
        musl = False,
    ),
    "producer_consumer": _workload("producer_consumer"),
    "random_mixed": _workload("random_mixed"),
    "realloc_growth": _workload("realloc_growth"),
    "sqlite_mix": _workload(
        "sqlite_mix",
        deps = ["@sqlite3"],
        musl = False,
    ),
    "thread_churn": _workload("thread_churn"),
}

def workload_copts():
    """How the workloads are compiled, whatever -c says.

    Returns:
      copts: a loop at -O0 would measure itself; a malloc that GCC knows can be
      left out together with its free.
    """
    return [
        "-O2",
        "-std=gnu11",
        "-fno-builtin-malloc",
        "-fno-builtin-calloc",
        "-fno-builtin-realloc",
        "-fno-builtin-free",
    ]
