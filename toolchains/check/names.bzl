"""wrapped_names_header: toolchains/wrap_list.bzl for C++."""

load(
    "//toolchains:wrap_list.bzl",
    "FORK_HOOKS_GLIBC",
    "FORK_HOOKS_MUSL",
    "WRAPPED_GLIBC",
    "WRAPPED_MUSL",
)

def _array(name, values):
    head = "inline constexpr std::string_view %s[] = {" % name
    return [head] + ["    \"%s\"," % v for v in values] + ["};"]

def _header():
    lines = [
        "// Generated from toolchains/wrap_list.bzl.",
        "#pragma once",
        "#include <string_view>",
        "namespace hakmem::check {",
    ]
    lines += _array("kWrappedGlibc", WRAPPED_GLIBC)
    lines += _array("kWrappedMusl", WRAPPED_MUSL)
    lines += _array("kForkHooksGlibc", FORK_HOOKS_GLIBC)
    lines += _array("kForkHooksMusl", FORK_HOOKS_MUSL)
    return lines + ["}  // namespace hakmem::check"]

def wrapped_names_header(name):
    """Generates wrapped_names.h.

    Args:
      name: the genrule's name
    """
    native.genrule(
        name = name,
        outs = ["wrapped_names.h"],
        cmd = "cat >$@ <<'END'\n" + "\n".join(_header()) + "\nEND\n",
    )
