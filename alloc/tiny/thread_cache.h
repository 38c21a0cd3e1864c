// Box:   tiny.   Uses: superslab, base.   Must not know: wrap, large.
// Holds: the malloc/free fast path. Every exit is a tail call to a cold
//        function: for malloc the caller's, see below; for free the caller's,
//        and FlushSlow in thread_cache_slow.cc.
// Locks: none here.   Read next: alloc/tiny/thread_cache_slow.cc

#ifndef HAKMEM_ALLOC_TINY_THREAD_CACHE_H_
#define HAKMEM_ALLOC_TINY_THREAD_CACHE_H_

#include <cstddef>
#include <cstdint>

#include "alloc/superslab/window.h"
#include "alloc/tiny/bin_policy.h"
#include "alloc/tiny/header.h"
#include "alloc/tiny/size_class.h"

namespace hakmem::tiny {

struct Heap;

// As many as there are classes, and up to a multiple of 8, since aarch64 then
// needs no instruction more to reach the array behind.
inline constexpr unsigned kHeads = (kClasses + 7) / 8 * 8;

struct ThreadCache {
  // By class: free blocks that only this thread sees, last in first out, and
  // how many more are taken before a flush. Two arrays, since both CPUs then
  // address an element in one instruction.
  void* head[kHeads];
  int32_t room[kClasses];
  Heap* heap;
  size_t peak_live;  // of the process, since this cache was last emptied
  BinPolicy policy[kClasses];  // touched on slow paths only
};

// Zero-initialised and local to the executable: no TLS descriptor, no guard.
extern __thread ThreadCache t_cache;

// Flushes the bin of this class, which has run out of room.
HAK_COLD void FlushSlow(size_t size_class);

// malloc. Leaves to `Slow::Malloc(bytes)` if the size is not small, the bin is
// empty, or its first block is not free any more.
template <class Slow>
HAK_INLINE void* MallocFast(size_t bytes) {
  const size_t index = platform::Opaque(bytes / kUnit);
  if (HAK_UNLIKELY(index >= kClassIndexes)) return Slow::Malloc(bytes);
  const size_t c = kClassTable.size_class[index];
  void* block = t_cache.head[c];
  if (HAK_UNLIKELY(block == nullptr)) return Slow::Malloc(bytes);
  if (HAK_UNLIKELY(HeaderByte(block) != c + kLiveByte + kFreeBias)) {
    return Slow::Malloc(bytes);
  }
  t_cache.head[c] = LoadLink(block);
  ++t_cache.room[c];
  StoreHeader(block, static_cast<int8_t>(c + kLiveByte));
  return block;
}

// The end of free, for a pointer into a slab whose blocks have this token.
template <class Slow>
HAK_INLINE void FreeInto(size_t c, uint8_t token, void* pointer) {
  if (HAK_UNLIKELY(HeaderByte(pointer) != token)) {
    return Slow::Free(pointer);
  }
  StoreHeader(pointer, static_cast<int8_t>(token + kFreeBias));
  StoreLink(pointer, t_cache.head[c]);
  t_cache.head[c] = pointer;
  if (HAK_UNLIKELY(--t_cache.room[c] < 0)) FlushSlow(c);
}

// Where a pointer lies from the start of the window on; kWindowBytes or more:
// not there.
HAK_INLINE uintptr_t WindowOffset(void* pointer) {
  return AddressOf(static_cast<char*>(pointer)) - superslab::WindowBase();
}
// As an unsigned byte: one zero-extending load, no sign to carry.
HAK_INLINE uint8_t TokenAt(uintptr_t offset) {
  return reinterpret_cast<const uint8_t*>(
      superslab::g_map)[offset >> superslab::kSlabShift];
}

// free. Leaves to `Slow::Free(pointer)` for NULL, pointers outside of the
// window, slabs that hold no blocks, and headers that do not say live.
template <class Slow>
HAK_INLINE void FreeFast(void* pointer) {
  const uintptr_t offset = WindowOffset(pointer);
  if (HAK_UNLIKELY(offset >> superslab::kWindowShift != 0)) {
    return Slow::Free(pointer);
  }
  const uint8_t token = TokenAt(offset);
  const size_t c = token - size_t{kLiveByte};
  if (HAK_UNLIKELY(static_cast<int8_t>(token) >= 0)) return Slow::Free(pointer);
  FreeInto<Slow>(c, token, pointer);
}

// free of a block for which so many bytes were asked. Leaves to
// `Slow::FreeSized(pointer, bytes)` also if the size's class is not the
// block's.
template <class Slow>
HAK_INLINE void FreeSizedFast(void* pointer, size_t bytes) {
  const size_t index = platform::Opaque(bytes / kUnit);
  const uintptr_t offset = WindowOffset(pointer);
  if (HAK_UNLIKELY(index >= kClassIndexes ||
                   offset >> superslab::kWindowShift != 0)) {
    return Slow::FreeSized(pointer, bytes);
  }
  const size_t c = kClassTable.size_class[index];
  const uint8_t token = static_cast<uint8_t>(c + kLiveByte);
  if (HAK_UNLIKELY(TokenAt(offset) != token)) {
    return Slow::FreeSized(pointer, bytes);
  }
  FreeInto<Slow>(c, token, pointer);
}

}  // namespace hakmem::tiny

#endif  // HAKMEM_ALLOC_TINY_THREAD_CACHE_H_
