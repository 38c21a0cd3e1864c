// Box:   base.   Uses: nothing.   Must not know: the boxes above.
// Holds: the one place where macros become constants. One binary, one variant.
// Locks: none.   Read next: alloc/base/lock.h

#ifndef HAKMEM_ALLOC_BASE_VARIANT_H_
#define HAKMEM_ALLOC_BASE_VARIANT_H_

namespace hakmem {

// What a variant switches on. Code asks with `if constexpr (kVariant.x)`, so
// that every build type-checks every line.
struct Variant {
  const char* name;
  // Foreign pointers go to libc's heap and are counted, instead of aborting.
  bool domain_route = false;
  // Locks count their acquisitions and waits.
  bool lock_stats = false;
  // Links of free blocks are stored under a key, so that an overwritten one
  // does not become an address of the attacker's choice.
  bool encoded_links = false;
  // Nothing is handed out of a class that is much too large, so that a size
  // that a sized delete names tells more.
  bool narrow_classes = false;
  // Now and then a large block is a mapping of its own: alloc/large/lone.h.
  bool lone_blocks = false;
  // A block knows the size that was asked for, has canaries behind it, is
  // judged exactly before it is freed, zeroed then, kept back for a while, and
  // looked at again when it is handed out: alloc/tiny/armour.h.
  bool armour = false;
  // Pages without access: beside large blocks and slabs, for freed large
  // blocks, and for blocks of no bytes.
  bool guards = false;
};

inline constexpr Variant kRelease = {
    .name = "release",
    .lone_blocks = true,
};

inline constexpr Variant kHardened = {
    .name = "hardened",
    .encoded_links = true,
    .narrow_classes = true,
    .armour = true,
    .guards = true,
};

inline constexpr Variant kChecked = {.name = "checked",
                                     .domain_route = true,
                                     .lock_stats = true,
                                     .narrow_classes = true};

#if defined(HAKMEM_VARIANT_CHECKED)
#define HAK_VARIANT "checked"
inline constexpr Variant kVariant = kChecked;
#elif defined(HAKMEM_VARIANT_HARDENED)
#define HAK_VARIANT "hardened"
inline constexpr Variant kVariant = kHardened;
#elif defined(HAKMEM_VARIANT_RELEASE)
#define HAK_VARIANT "release"
inline constexpr Variant kVariant = kRelease;
#else
#error "Build hakmem with HAKMEM_VARIANT_{RELEASE,HARDENED,CHECKED} defined."
#endif

// How malloc gets into the program: -Wl,--wrap redirects every call of it to
// HAK_ENTRY(malloc), or (override) the plain name is all there is.
#define HAK_ENTRY(name) __wrap_##name
#if defined(HAKMEM_OVERRIDE)
#define HAK_MODE "override"
inline constexpr bool kOverride = true;
#else
#define HAK_MODE "wrap"
inline constexpr bool kOverride = false;
#endif

// Where libc's heap is linked on purpose, its private hooks are wrapped.
// Everywhere else they are defined, which makes a leak to libc's heap a
// duplicate symbol, and an entry point has its plain name as well: ld.lld looks
// for malloc in libc.a before it renames it, a --wrap that was forgotten leaks
// no more, and a vendor's own malloc is a duplicate symbol. Weak
// (HAK_PLAIN_GNU): the names that only glibc has, which a program for musl may
// define for itself.
#if defined(HAKMEM_VARIANT_CHECKED) && !defined(HAKMEM_OVERRIDE)
#define HAK_HOOK(name) __wrap_##name
#define HAK_PLAIN(name) static_assert(true)
#define HAK_PLAIN_GNU(name) static_assert(true)
#else
#define HAK_HOOK(name) name
#define HAK_PLAIN(name) \
  __asm__(".globl " #name "\n.set " #name ", __wrap_" #name "\n")
#define HAK_PLAIN_GNU(name) \
  __asm__(".weak " #name "\n.set " #name ", __wrap_" #name "\n")
#endif

// Where libc's malloc cannot be called, nothing can be routed to it.
inline constexpr bool kRoutesForeign = kVariant.domain_route && !kOverride;

}  // namespace hakmem

#endif  // HAKMEM_ALLOC_BASE_VARIANT_H_
