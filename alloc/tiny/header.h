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
#include "alloc/base/secret.h"
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

// A link in a freed block can be read or overwritten through a dangling pointer
// and must not become an address that somebody chose: it is stored under the
// process's secret and its own address, and multiplied, so that no bit can be
// changed alone: what does not decode to an address of a block was written by
// somebody else.
inline constexpr uint64_t kLinkFactor = 0x9E3779B97F4A7C15u;
inline constexpr uint64_t kLinkInverse = 0xF1DE83E19937733Du;
static_assert(kLinkFactor * kLinkInverse == 1);

HAK_INLINE uint64_t LinkMask(const void* block) {
  return g_secret ^ (AddressOf(static_cast<const char*>(block)) >> 4);
}
// Ends the process.
[[noreturn]] HAK_COLD void ReportDamagedLink(const void* block);

// relaxed: ordered by the lock, the CAS or the thread that passes the chain.
HAK_INLINE void* LoadLink(const void* block) {
  uintptr_t link =
      __atomic_load_n(static_cast<const uintptr_t*>(block), __ATOMIC_RELAXED);
  if constexpr (kVariant.encoded_links) {
    link = link * kLinkInverse ^ LinkMask(block);
    if (HAK_UNLIKELY((link >> 48 | (link & 15)) != 0)) ReportDamagedLink(block);
  }
  return At<void>(link);
}
HAK_INLINE void StoreLink(void* block, void* next) {
  uintptr_t link = AddressOf(static_cast<char*>(next));
  if constexpr (kVariant.encoded_links) {
    link = (link ^ LinkMask(block)) * kLinkFactor;
  }
  __atomic_store_n(static_cast<uintptr_t*>(block), link, __ATOMIC_RELAXED);
}

}  // namespace hakmem::tiny

#endif  // HAKMEM_ALLOC_TINY_HEADER_H_
