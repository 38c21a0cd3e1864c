"""What does not hold under a sanitizer."""

# For target_compatible_with: what looks at sizes or stacks of a program, or
# runs it on another platform.
UNSANITIZED = select({
    "//toolchains/config:unsanitized": [],
    "//conditions:default": ["@platforms//:incompatible"],
})
