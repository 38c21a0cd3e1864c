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

def _relocatable(ctx, cc, name, archives, keep, friends = []):
    """One object from archives, in which only the names in `keep` are global.

    And those of our own that the files `friends` ask for. The sections stay
    apart, so that --gc-sections still prunes the object.
    """
    out = ctx.actions.declare_file("_dist/%s/%s" % (ctx.label.name, name))
    ctx.actions.run_shell(
        outputs = [out],
        inputs = depset(archives + friends, transitive = [cc.all_files]),
        command = """set -eu
ld="$1" objcopy="$2" nm="$3" out="$4" keep="$5" friends="$6"; shift 6
"$ld" -r --force-group-allocation -z noexecstack -o "$out.all" \
  --whole-archive "$@"
printf '%s\n' $keep > "$out.keep"
for friend in $friends; do
  "$nm" -u "$friend" | awk '$2 ~ /hakmem/ { print $2 }' >> "$out.keep"
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
            " ".join([f.path for f in friends]),
        ] + [a.path for a in archives],
        mnemonic = "HakmemObject",
        progress_message = "Making %s of one piece" % name,
    )
    return out

def _archive(ctx, cc, name, archives):
    """One archive from archives; a linker takes the members that it needs."""
    out = ctx.actions.declare_file("_dist/%s/%s" % (ctx.label.name, name))
    ctx.actions.run_shell(
        outputs = [out],
        inputs = depset(archives, transitive = [cc.all_files]),
        command = """set -eu
ar="$1" objcopy="$2" out="$3"; shift 3
{
  echo "create $out.all"
  printf 'addlib %s\n' "$@"
  printf 'save\nend\n'
} | "$ar" -M
"$objcopy" -D --strip-debug --remove-section=.comment "$out.all" "$out"
"$ar" sD "$out"
rm "$out.all"
""",
        arguments = [
            cc.ar_executable,
            cc.objcopy_executable,
            out.path,
        ] + [a.path for a in archives],
        mnemonic = "HakmemArchive",
        progress_message = "Collecting %s" % name,
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
    see_archives = [
        a
        for a in _archives(ctx.attr.see)
        if a not in malloc_archives
    ]
    extras = {}
    for extra in ctx.attr.extras:
        # The target of an alias: hakmem_dump_release is hakmem_dump.
        extra_name = extra.label.name.rpartition("_")[0] + ".o"
        extras["lib/" + extra_name] = _relocatable(ctx, cc, extra_name, [
            a
            for a in _archives(extra)
            if a not in malloc_archives
        ], _API)
    hakmem_o = _relocatable(
        ctx,
        cc,
        "hakmem.o",
        malloc_archives,
        keep,
        friends = see_archives + extras.values(),
    )
    override_o = _relocatable(
        ctx,
        cc,
        "hakmem_override.o",
        _archives(ctx.attr.override),
        wrapped + hooks + _API + _MARKERS,
        friends = see_archives + extras.values(),
    )
    see_a = _archive(ctx, cc, "libhakmem_see.a", see_archives)
    crash_o = _relocatable(ctx, cc, "hakmem_crash.o", [
        a
        for a in _archives(ctx.attr.crash)
        if a not in malloc_archives + see_archives
    ], ["none"])
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
        "bin/hakmem-view": ctx.executable._view,
        "include/hakmem.h": ctx.file.header,
        "lib/cmake/hakmem/hakmem-check.cmake": ctx.file._check_cmake,
        "lib/hakmem.o": hakmem_o,
        "lib/hakmem_crash.o": crash_o,
        "lib/hakmem_new.o": new_o,
        "lib/hakmem_override.o": override_o,
        "lib/libhakmem_see.a": see_a,
        "LICENSE": ctx.file.license,
        "share/hakmem/hakmem.py": ctx.file._gdb,
    }
    files.update(extras)
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
        "crash": attr.label(mandatory = True, providers = [CcInfo]),
        # Objects beside hakmem.o that look into it, one a target.
        "extras": attr.label_list(providers = [CcInfo]),
        "header": attr.label(allow_single_file = True, mandatory = True),
        "libc": attr.string(mandatory = True),
        "license": attr.label(allow_single_file = True, mandatory = True),
        "malloc": attr.label(mandatory = True, providers = [CcInfo]),
        "new": attr.label(mandatory = True, providers = [CcInfo]),
        "override": attr.label(mandatory = True, providers = [CcInfo]),
        "see": attr.label(mandatory = True, providers = [CcInfo]),
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
        "_gdb": attr.label(
            allow_single_file = True,
            default = "//toolchains/gdb:hakmem.py",
        ),
        "_templates": attr.label(default = "//toolchains/dist:templates"),
        "_view": attr.label(
            cfg = "exec",
            default = "//toolchains/view:hakmem-view",
            executable = True,
        ),
    },
    fragments = ["cpp"],
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)

def hakmem_dist(name, **kwargs):
    """Makes hakmem-<version>-<arch>-<libc>.tar.gz.

    Args:
      name: the name of the target
      **kwargs: malloc, new, override, see, crash and extras (libraries),
        header, license, and what every rule has
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
