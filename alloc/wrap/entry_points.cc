// Box:   wrap.   Uses: everything below.   Must not know: nothing is above.
// Holds: every name that a program, or libc itself, calls. All of them are in
//        this one file: a linker that takes one takes all, and none can be
//        left behind in an archive.
// Locks: none.   Read next: alloc/wrap/memory.cc

#include <stddef.h>

#include "alloc/base/variant.h"
#include "alloc/wrap/memory.h"

// Two names for the closed-link check. They are no addresses: of a program that
// only calls calloc --gc-sections takes malloc away, and hakmem is still there.
#define HAK_NUMBER(symbol) ".globl " symbol "\n.set " symbol ", 1\n"
__asm__(HAK_NUMBER("hakmem_mode_" HAK_MODE)
            HAK_NUMBER("hakmem_marker_" HAK_VARIANT));

// One for alloc/wrap/same_variant.h.
#define HAK_TEXT(x) #x
#define HAK_STRING(x) HAK_TEXT(x)
__asm__(".globl hakmem_malloc_" HAK_VARIANT "\n.set hakmem_malloc_" HAK_VARIANT
        ", " HAK_STRING(HAK_ENTRY(malloc)) "\n");

using namespace hakmem;

extern "C" {

// C and POSIX.
HAK_HOT void* HAK_ENTRY(malloc)(size_t bytes) { return wrap::Malloc(bytes); }
HAK_HOT void HAK_ENTRY(free)(void* p) { wrap::Free(p); }
void* HAK_ENTRY(calloc)(size_t n, size_t size) { return wrap::Calloc(n, size); }
void* HAK_ENTRY(realloc)(void* p, size_t bytes) {
  return wrap::Realloc(p, bytes);
}
void* HAK_ENTRY(aligned_alloc)(size_t alignment, size_t bytes) {
  return wrap::AlignedAlloc(alignment, bytes);
}
void* HAK_ENTRY(memalign)(size_t alignment, size_t bytes) {
  return wrap::Memalign(alignment, bytes);
}
int HAK_ENTRY(posix_memalign)(void** result, size_t alignment, size_t bytes) {
  return wrap::PosixMemalign(result, alignment, bytes);
}
void* HAK_ENTRY(valloc)(size_t bytes) { return wrap::Valloc(bytes); }
void* HAK_ENTRY(pvalloc)(size_t bytes) { return wrap::Pvalloc(bytes); }
size_t HAK_ENTRY(malloc_usable_size)(void* p) { return wrap::UsableSize(p); }
void HAK_ENTRY(free_sized)(void* p, size_t bytes) { wrap::FreeSized(p, bytes); }
void HAK_ENTRY(free_aligned_sized)(void* p, size_t, size_t bytes) {
  wrap::FreeSized(p, bytes);
}
void HAK_ENTRY(cfree)(void* p) { wrap::Free(p); }

// libc's own: musl calls the first four itself; old archives for glibc have
// some of the others.
void* HAK_ENTRY(__libc_malloc)(size_t bytes) { return wrap::Malloc(bytes); }
void HAK_ENTRY(__libc_free)(void* p) { wrap::Free(p); }
void* HAK_ENTRY(__libc_calloc)(size_t n, size_t size) {
  return wrap::Calloc(n, size);
}
void* HAK_ENTRY(__libc_realloc)(void* p, size_t bytes) {
  return wrap::Realloc(p, bytes);
}
void* HAK_ENTRY(__libc_memalign)(size_t alignment, size_t bytes) {
  return wrap::Memalign(alignment, bytes);
}
void* HAK_ENTRY(__libc_valloc)(size_t bytes) { return wrap::Valloc(bytes); }
void* HAK_ENTRY(__libc_pvalloc)(size_t bytes) { return wrap::Pvalloc(bytes); }
int HAK_ENTRY(__posix_memalign)(void** result, size_t alignment, size_t bytes) {
  return wrap::PosixMemalign(result, alignment, bytes);
}

// The same functions under their plain names; see alloc/base/variant.h.
HAK_PLAIN(malloc);
HAK_PLAIN(free);
HAK_PLAIN(calloc);
HAK_PLAIN(realloc);
HAK_PLAIN(aligned_alloc);
HAK_PLAIN(memalign);
HAK_PLAIN(posix_memalign);
HAK_PLAIN(valloc);
HAK_PLAIN(malloc_usable_size);
HAK_PLAIN(free_sized);
HAK_PLAIN(free_aligned_sized);
HAK_PLAIN(__libc_malloc);
HAK_PLAIN(__libc_free);
HAK_PLAIN(__libc_calloc);
HAK_PLAIN(__libc_realloc);
HAK_PLAIN_GNU(pvalloc);
HAK_PLAIN_GNU(cfree);
HAK_PLAIN_GNU(__libc_memalign);
HAK_PLAIN_GNU(__libc_valloc);
HAK_PLAIN_GNU(__libc_pvalloc);
HAK_PLAIN_GNU(__posix_memalign);

}  // extern "C"
