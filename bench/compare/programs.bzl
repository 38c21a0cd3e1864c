"""The programs that compare runs: every workload with every allocator."""

load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")
load("//bench/workloads:workloads.bzl", "WORKLOADS")

_MUSL_PLATFORM = "//toolchains/platforms:linux-x86_64-musl"

def _musl_impl(settings, attr):
    _unused = (settings, attr)
    return {
        "//command_line_option:platforms": _MUSL_PLATFORM,
        "//command_line_option:platform_suffix": "-bench-musl",
    }

_musl = transition(
    implementation = _musl_impl,
    inputs = [],
    outputs = [
        "//command_line_option:platforms",
        "//command_line_option:platform_suffix",
    ],
)

def _program_folder_impl(ctx):
    """Symlinks programs/WORKLOAD.ALLOCATOR, which is what compare looks for."""
    links = []
    for target in ctx.attr.glibc + ctx.attr.musl:
        workload, _, allocator = target.label.name.partition(".")
        if target in ctx.attr.glibc:
            allocator = "glibc" if allocator == "libc" else allocator
        else:
            allocator = "musl" if allocator == "libc" else allocator + "-musl"
        link = ctx.actions.declare_file(
            "programs/%s.%s" % (workload, allocator),
        )
        ctx.actions.symlink(
            output = link,
            target_file = target[DefaultInfo].files_to_run.executable,
            is_executable = True,
        )
        links.append(link)
    return [DefaultInfo(
        files = depset(links),
        runfiles = ctx.runfiles(files = links),
    )]

_program_folder = rule(
    implementation = _program_folder_impl,
    attrs = {
        "glibc": attr.label_list(),
        "musl": attr.label_list(cfg = _musl),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/" +
                      "function_transition_allowlist",
        ),
    },
)

def _object_impl(ctx):
    archives = []
    linking = ctx.attr.program[CcInfo].linking_context
    for linker_input in linking.linker_inputs.to_list():
        for library in linker_input.libraries:
            archives.append(library.static_library or
                            library.pic_static_library)
    out = ctx.actions.declare_file("objects/%s.o" % ctx.attr.workload)
    ctx.actions.run(
        outputs = [out],
        inputs = archives,
        executable = find_cpp_toolchain(ctx).ld_executable,
        arguments = ["-r", "-o", out.path, "--whole-archive"] +
                    [a.path for a in archives],
        mnemonic = "BenchObject",
    )
    return [DefaultInfo(files = depset([out]))]

_object = rule(
    implementation = _object_impl,
    attrs = {
        "program": attr.label(providers = [CcInfo]),
        "workload": attr.string(),
        "_cc_toolchain": attr.label(
            default = "@bazel_tools//tools/cpp:current_cc_toolchain",
        ),
    },
    doc = "A workload and its libraries as one object, objects/WORKLOAD.o, " +
          "for --extra, which links at run time.",
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)

def bench_programs(name, allocators, musl, programs = {}):
    """Declares :<name> and :<name>_objects.

    Args:
      name: of the filegroups
      allocators: {name: label, or None for libc's own}
      musl: the ones of them that are built for musl as well
      programs: further programs, {name: label of a cc_library with main()}
    """
    glibc_targets = []
    musl_targets = []
    objects = []
    labels = {w: "//bench/workloads:" + w for w in WORKLOADS}
    for_musl = [w for w in WORKLOADS if WORKLOADS[w].musl]
    labels.update(programs)
    for workload, label in labels.items():
        for allocator, library in allocators.items():
            program = "%s.%s" % (workload, allocator)
            native.cc_binary(
                name = program,
                features = ["fully_static_link"],
                linkstatic = True,
                tags = ["manual"],
                deps = [label] + ([library] if library else []),
            )
            glibc_targets.append(program)
            if allocator in musl and workload in for_musl:
                musl_targets.append(program)
    for workload in labels:
        _object(
            name = workload + "_object",
            program = labels[workload],
            tags = ["manual"],
            workload = workload,
        )
        objects.append(workload + "_object")
    _program_folder(
        name = name,
        glibc = glibc_targets,
        musl = musl_targets,
        tags = ["manual"],
    )
    native.filegroup(
        name = name + "_objects",
        srcs = objects,
        tags = ["manual"],
    )
