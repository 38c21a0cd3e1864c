"""hakmem_dist: the allocator as a tarball, for builds that are not Bazel."""

load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")
load("//toolchains:version.bzl", "HAKMEM_VERSION")
load(
    "//toolchains:wrap_list.bzl",
    "FORK_HOOKS_GLIBC",
    "FORK_HOOKS_MUSL",
    "wrapped_names",
)

# The API beyond malloc; `*` as objcopy --wildcard understands it.
_API = ["hak_*"]

# What hakmem-check knows a variant and a mode by.
_MARKERS = ["hakmem_marker_*", "hakmem_mode_*"]

# operator new, new[], delete, delete[] in all their forms.
_NEW = ["_Znwm*", "_Znam*", "_ZdlPv*", "_ZdaPv*"]

def _archives(target):
    """The static archives of a cc_library and of all its dependencies."""
    archives = []
    for item in target[CcInfo].linking_context.linker_inputs.to_list():
        for library in item.libraries:
            archive = library.static_library or library.pic_static_library
            if archive:
                archives.append(archive)
    return archives

def _relocatable(ctx, cc, name, archives, keep, keep_for = []):
    """One object from archives, in which only the names in `keep` are global.

    The sections stay apart, so that --gc-sections still prunes the object. What
    the archives `keep_for` want of the allocator's inside stays global as well.
    """
    out = ctx.actions.declare_file("_dist/%s/%s" % (ctx.label.name, name))
    ctx.actions.run_shell(
        outputs = [out],
        inputs = depset(archives + keep_for, transitive = [cc.all_files]),
        command = """set -eu
ld="$1" objcopy="$2" nm="$3" out="$4" keep="$5" keep_for="$6"; shift 6
"$ld" -r --force-group-allocation -z noexecstack -o "$out.all" \
  --whole-archive "$@"
printf '%s\n' $keep > "$out.keep"
for archive in $keep_for; do
  "$nm" -u "$archive" | sed -nE 's/.* ((_ZN6|)hakmem.*)/\\1/p' >> "$out.keep"
done
"$objcopy" --wildcard --keep-global-symbols="$out.keep" --strip-debug \
  --remove-section=.comment "$out.all" "$out"
rm "$out.all" "$out.keep"
""",
        arguments = [
            cc.ld_executable,
            cc.objcopy_executable,
            cc.nm_executable,
            out.path,
            "\n".join(keep),
            " ".join([a.path for a in keep_for]),
        ] + [a.path for a in archives],
        mnemonic = "HakmemObject",
        progress_message = "Making %s of one piece" % name,
    )
    return out

def _expand(ctx, template, out_name, substitutions):
    out = ctx.actions.declare_file("_dist/%s/%s" % (ctx.label.name, out_name))
    ctx.actions.expand_template(
        template = template,
        output = out,
        substitutions = substitutions,
    )
    return out

def _impl(ctx):
    cc = find_cpp_toolchain(ctx)
    variant = ctx.attr.variant
    wrapped = wrapped_names(ctx.attr.libc, variant)
    hooks = FORK_HOOKS_MUSL if ctx.attr.libc == "musl" else FORK_HOOKS_GLIBC
    keep = ["__wrap_" + n for n in wrapped] + hooks + _API + _MARKERS
    if variant != "checked":
        # The plain names, too; alloc/base/variant.h says what for.
        keep = keep + wrapped

    malloc_archives = _archives(ctx.attr.malloc)
    pool_archives = [
        a
        for a in _archives(ctx.attr.pool)
        if a not in malloc_archives
    ]
    pool_o = _relocatable(ctx, cc, "hakmem_pool.o", pool_archives, _API)
    hakmem_o = _relocatable(
        ctx,
        cc,
        "hakmem.o",
        malloc_archives,
        keep,
        keep_for = pool_archives,
    )
    override_o = _relocatable(
        ctx,
        cc,
        "hakmem_override.o",
        _archives(ctx.attr.override),
        wrapped + hooks + _API + _MARKERS,
        keep_for = pool_archives,
    )
    new_o = _relocatable(ctx, cc, "hakmem_new.o", [
        a
        for a in _archives(ctx.attr.new)
        if a not in malloc_archives
    ], _NEW)

    options = ["-Wl,--wrap=" + n for n in wrapped]
    substitutions = {
        "@ARCH@": ctx.attr.arch,
        "@LIBC@": ctx.attr.libc,
        "@VARIANT@": variant,
        "@VERSION@": HAKMEM_VERSION,
        "@WRAP_CMAKE@": "\n".join(['  "%s"' % o for o in options]),
        "@WRAP_LINES@": "\n".join(options),
        "@WRAP_WORDS@": " ".join(options),
    }
    root = "hakmem-%s-%s-%s" % (HAKMEM_VERSION, ctx.attr.arch, ctx.attr.libc)
    files = {
        "bin/hakmem-check": ctx.executable._check,
        "include/hakmem.h": ctx.file.header,
        "lib/cmake/hakmem/hakmem-check.cmake": ctx.file._check_cmake,
        "lib/hakmem.o": hakmem_o,
        "lib/hakmem_new.o": new_o,
        "lib/hakmem_override.o": override_o,
        "lib/hakmem_pool.o": pool_o,
        "LICENSE": ctx.file.license,
    }
    for template in ctx.files._templates:
        path = template.path.partition("/templates/")[2]
        out = _expand(ctx, template, template.basename, substitutions)
        files[path] = out

    tarball = ctx.actions.declare_file(root + ".tar.gz")
    arguments = ctx.actions.args()
    arguments.add(tarball)
    arguments.add(root)
    for path, file in sorted(files.items()):
        arguments.add(path)
        arguments.add(file)
    ctx.actions.run_shell(
        outputs = [tarball],
        inputs = files.values(),
        # The same bytes from the same inputs: no times, owners or modes.
        command = """set -eu
out="$1" root="$2"; shift 2
stage="$out.stage"
while [ $# -gt 0 ]; do
  mkdir -p "$stage/$root/$(dirname "$1")"
  cp -L "$2" "$stage/$root/$1"
  case "$1" in bin/*) mode=755 ;; *) mode=644 ;; esac
  chmod "$mode" "$stage/$root/$1"
  shift 2
done
tar -C "$stage" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 \
  --mode=u=rwX,go=rX -c "$root" | gzip -n9 > "$out"
rm -r "$stage"
""",
        arguments = [arguments],
        mnemonic = "HakmemDist",
        progress_message = "Packing %s.tar.gz" % root,
    )
    return [DefaultInfo(
        files = depset([tarball]),
        runfiles = ctx.runfiles(files = [tarball]),
    )]

_hakmem_dist = rule(
    implementation = _impl,
    attrs = {
        "arch": attr.string(mandatory = True),
        "header": attr.label(allow_single_file = True, mandatory = True),
        "libc": attr.string(mandatory = True),
        "license": attr.label(allow_single_file = True, mandatory = True),
        "malloc": attr.label(mandatory = True, providers = [CcInfo]),
        "new": attr.label(mandatory = True, providers = [CcInfo]),
        "override": attr.label(mandatory = True, providers = [CcInfo]),
        "pool": attr.label(mandatory = True, providers = [CcInfo]),
        "variant": attr.string(mandatory = True),
        "_cc_toolchain": attr.label(
            default = "@bazel_tools//tools/cpp:current_cc_toolchain",
        ),
        # Runs where the program is linked, whatever it is linked for.
        "_check": attr.label(
            cfg = "exec",
            default = "//toolchains/check:hakmem-check",
            executable = True,
        ),
        "_check_cmake": attr.label(
            allow_single_file = True,
            default = "//toolchains/check:hakmem-check.cmake",
        ),
        "_templates": attr.label(default = "//toolchains/dist:templates"),
    },
    fragments = ["cpp"],
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)

def hakmem_dist(name, **kwargs):
    """Makes hakmem-<version>-<arch>-<libc>.tar.gz.

    Args:
      name: the name of the target
      **kwargs: malloc, new, override and pool (libraries), header, license, and
        what every rule has
    """
    _hakmem_dist(
        name = name,
        arch = select({
            "@platforms//cpu:aarch64": "aarch64",
            "//conditions:default": "x86_64",
        }),
        libc = select({
            "//toolchains/platforms:musl": "musl",
            "//conditions:default": "glibc",
        }),
        variant = select({
            "//toolchains/config:" + v: v
            for v in ["release", "hardened", "checked"]
        }),
        **kwargs
    )
