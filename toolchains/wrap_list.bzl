"""THE list of names that hakmem takes over from libc.

Everything else is made from it: the linkopts of //:hakmem, the response file,
the .pc file and the CMake package of //:dist, and the closed-link check.
--wrap of a name that nobody mentions costs nothing.
"""

# The C and POSIX interface, and C23's sized forms (glibc 2.43 has them in
# malloc.o, where they call its own free). reallocarray is missing on purpose:
# both libcs have it in an object of its own, which calls realloc.
_PUBLIC = [
    "malloc",
    "free",
    "calloc",
    "realloc",
    "aligned_alloc",
    "memalign",
    "posix_memalign",
    "valloc",
    "malloc_usable_size",
    "free_sized",
    "free_aligned_sized",
]

# musl's libc calls these itself (atexit, newlocale, tzset, sem_open,
# posix_spawn_file_actions_*); on glibc only old binary archives do.
_LIBC_INTERNAL = [
    "__libc_malloc",
    "__libc_calloc",
    "__libc_realloc",
    "__libc_free",
]

# One use of any of these extracts glibc's malloc.o, and with it its heap.
_GNU = [
    "pvalloc",
    "cfree",
    "mallinfo",
    "mallinfo2",
    "mallopt",
    "malloc_info",
    "malloc_stats",
    "malloc_trim",
    "__libc_memalign",
    "__libc_valloc",
    "__libc_pvalloc",
    "__posix_memalign",
]

WRAPPED_MUSL = _PUBLIC + _LIBC_INTERNAL

# A superset of WRAPPED_MUSL: right also where the C library is not known.
WRAPPED_GLIBC = WRAPPED_MUSL + _GNU

# What libc's fork and thread exit call in its own heap. Release and hardened
# define them, which also makes any leak to libc's heap a duplicate symbol.
# Checked routes foreign blocks to libc's heap, so it can only wrap them; musl's
# fork.o defines its hook weakly for itself, where no wrap reaches, but calls
# _Fork.
FORK_HOOKS_GLIBC = [
    "__malloc_fork_lock_parent",
    "__malloc_fork_unlock_parent",
    "__malloc_fork_unlock_child",
    "__malloc_arena_thread_freeres",
]

FORK_HOOKS_MUSL = ["__malloc_atfork"]
CHECKED_FORK_HOOKS_MUSL = ["_Fork"]

def wrapped_names(libc, variant):
    """The names to give to --wrap.

    Args:
      libc: "glibc" or "musl"
      variant: "release", "hardened" or "checked"
    Returns:
      a list of symbol names
    """
    names = WRAPPED_MUSL if libc == "musl" else WRAPPED_GLIBC
    if variant != "checked":
        return names
    if libc == "musl":
        return names + CHECKED_FORK_HOOKS_MUSL
    return names + FORK_HOOKS_GLIBC
