// Box:   tiny.   Uses: base.   Must not know: slabs, threads.
// Holds: what is written into a block: its header byte, and while it is free
//        the link to the next. Nobody else touches either.
// Locks: none.   Read next: alloc/tiny/thread_cache.h
//
//        slot i-1                      slot i  (stride S)
//   ... user bytes of i-1 | h |  user bytes: S-1            | h' |
//                           ^  ^-- pointer, 16-byte aligned    ^
//                           header byte of block i             of block i+1

#ifndef HAKMEM_ALLOC_TINY_HEADER_H_
#define HAKMEM_ALLOC_TINY_HEADER_H_

#include <cstdint>

#include "alloc/base/pointers.h"
#include "alloc/base/variant.h"
#include "platform/cpu.h"

namespace hakmem::tiny {

// Plain accesses: in a correct program only the block's holder touches the
// byte; in an incorrect one (two frees at once) the slab's bitmap decides.
HAK_INLINE int8_t LoadHeader(const void* block) {
  return static_cast<const int8_t*>(block)[-1];
}
HAK_INLINE uint8_t HeaderByte(const void* block) {
  return static_cast<const uint8_t*>(block)[-1];
}
HAK_INLINE void StoreHeader(void* block, int8_t token) {
  static_cast<int8_t*>(block)[-1] = token;
}

// The key is drawn once per process where links are encoded.
extern uintptr_t g_link_key;

// A link read through a dangling pointer, or overwritten, must not become an
// address that somebody chose: it is stored under a key and its own address.
HAK_INLINE uintptr_t LinkMask(const void* block) {
  if constexpr (kVariant.encoded_links) {
    return g_link_key ^ (AddressOf(static_cast<const char*>(block)) >> 4);
  } else {
    return 0;
  }
}
// relaxed: ordered by the lock, the CAS or the thread that passes the chain.
HAK_INLINE void* LoadLink(const void* block) {
  return At<void>(
      __atomic_load_n(static_cast<const uintptr_t*>(block), __ATOMIC_RELAXED) ^
      LinkMask(block));
}
HAK_INLINE void StoreLink(void* block, void* next) {
  __atomic_store_n(static_cast<uintptr_t*>(block),
                   AddressOf(static_cast<char*>(next)) ^ LinkMask(block),
                   __ATOMIC_RELAXED);
}

}  // namespace hakmem::tiny

#endif  // HAKMEM_ALLOC_TINY_HEADER_H_
