// Box:   platform.   Uses: nothing.   Must not know: what an allocator is.
// Holds: which C library this is compiled for.
// Locks: none.   Read next: alloc/wrap/aligned.cc

#ifndef HAKMEM_PLATFORM_LIBC_KIND_H_
#define HAKMEM_PLATFORM_LIBC_KIND_H_

#include <features.h>

namespace hakmem::platform {

// musl defines no macro of its own.
#if defined(__GLIBC__)
inline constexpr bool kGlibc = true;
#else
inline constexpr bool kGlibc = false;
#endif

}  // namespace hakmem::platform

#endif  // HAKMEM_PLATFORM_LIBC_KIND_H_
