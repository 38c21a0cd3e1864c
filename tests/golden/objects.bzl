"""What the size and fast-path tests look at: listings and objects."""

load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

_TOOLCHAIN = {
    "_cc_toolchain": attr.label(
        default = "@bazel_tools//tools/cpp:current_cc_toolchain",
    ),
}

def _listing_impl(ctx):
    program = ctx.file.program
    out = ctx.actions.declare_file(ctx.label.name + ".txt")
    ctx.actions.run_shell(
        outputs = [out],
        inputs = [program],
        command = '"$1" -d --no-show-raw-insn "$2" > "$3"',
        arguments = [
            find_cpp_toolchain(ctx).objdump_executable,
            program.path,
            out.path,
        ],
        mnemonic = "Disassemble",
    )
    return [DefaultInfo(
        files = depset([out]),
        runfiles = ctx.runfiles(files = [out]),
    )]

listing = rule(
    implementation = _listing_impl,
    attrs = dict(_TOOLCHAIN, program = attr.label(
        allow_single_file = True,
        mandatory = True,
    )),
    doc = "NAME.txt, the disassembly of a linked program.",
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)

def _archives(target):
    archives = []
    for item in target[CcInfo].linking_context.linker_inputs.to_list():
        for library in item.libraries:
            archives.append(library.static_library or
                            library.pic_static_library)
    return archives

def _allocator_objects_impl(ctx):
    cc = find_cpp_toolchain(ctx)
    archives = _archives(ctx.attr.allocator)
    whole = ctx.actions.declare_file(ctx.label.name + ".whole.o")
    kept = ctx.actions.declare_file(ctx.label.name + ".kept.o")
    ctx.actions.run(
        outputs = [whole],
        inputs = archives,
        executable = cc.ld_executable,
        arguments = ["-r", "-o", whole.path, "--whole-archive"] +
                    [a.path for a in archives],
        mnemonic = "WholeObject",
    )

    # The linker says what it keeps only in its map, which a build rule cannot
    # have. So it collects once more, from the same roots: the C names of the
    # allocator that are still there in the program.
    ctx.actions.run_shell(
        outputs = [kept],
        inputs = [whole, ctx.file.program],
        command = """set -eu
nm="$1" ld="$2" whole="$3" program="$4" out="$5"
"$nm" -g --defined-only "$whole" | awk 'NF == 3 { print $3 }' | sort -u \
  > "$out.own"
"$nm" -g --defined-only "$program" | awk 'NF == 3 { print $3 }' | sort -u \
  > "$out.all"
comm -12 "$out.own" "$out.all" | grep -v '^_Z' > "$out.roots"
"$ld" -r --gc-sections $(sed 's/^/-u /' "$out.roots") -o "$out" "$whole"
rm "$out.own" "$out.all" "$out.roots"
""",
        arguments = [
            cc.nm_executable,
            cc.ld_executable,
            whole.path,
            ctx.file.program.path,
            kept.path,
        ],
        mnemonic = "KeptObject",
    )
    return [DefaultInfo(
        files = depset([whole, kept]),
        runfiles = ctx.runfiles(files = [whole, kept]),
    )]

allocator_objects = rule(
    implementation = _allocator_objects_impl,
    attrs = dict(
        _TOOLCHAIN,
        allocator = attr.label(mandatory = True, providers = [CcInfo]),
        program = attr.label(allow_single_file = True, mandatory = True),
    ),
    doc = "NAME.whole.o, the allocator as one object, and NAME.kept.o, what " +
          "of it stays in `program`, which was linked with --gc-sections.",
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)
