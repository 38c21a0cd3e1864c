"""A string build setting with a fixed set of values.

bazel_skylib has the same rule; this copy is here so that a workspace which
uses hakmem as an external repository needs nothing else.
"""

def _impl(ctx):
    value = ctx.build_setting_value
    if value not in ctx.attr.values:
        fail("%s is %r, expected one of: %s" % (
            ctx.label,
            value,
            ", ".join(ctx.attr.values),
        ))
    return []

string_flag = rule(
    implementation = _impl,
    build_setting = config.string(flag = True),
    attrs = {"values": attr.string_list(mandatory = True)},
)
