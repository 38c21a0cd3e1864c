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
#include "alloc/tiny/header.h"
#include "alloc/tiny/size_class.h"

namespace hakmem::tiny {

struct Heap;

// How a bin's bound grows and shrinks; touched on slow paths only.
struct BinPolicy {
  uint8_t limit;    // blocks that the bin may hold
  uint8_t batch;    // blocks that the next refill asks for
  uint8_t flushes;  // since the last refill
};

struct ThreadCache {
  // By class: free blocks that only this thread sees, last in first out, and
  // how many more are taken before a flush. Two arrays, since both CPUs then
  // address an element in one instruction.
  void* head[kClasses];
  int32_t room[kClasses];
  Heap* heap;
  size_t peak_live;  // of the process, since this cache was last emptied
  BinPolicy policy[kClasses];
};

// Zero-initialised and local to the executable: no TLS descriptor, no guard.
extern __thread ThreadCache t_cache;

// Tokens index the bins as they are, sign bits included: the difference is
// part of the address.
inline constexpr intptr_t kFreeBin = 0x100 - 0xA0 - kFreeBias;
inline constexpr intptr_t kLiveBin = 0x100 - 0xA0;

// Flushes the bin of this live token, which has run out of room.
HAK_NOINLINE void FlushSlow(intptr_t token);

// malloc. Leaves to `Slow::Malloc(bytes)` if the size is not small, the bin is
// empty, or its first block is not free any more.
template <class Slow>
HAK_INLINE void* MallocFast(size_t bytes) {
  const size_t index = platform::Opaque(bytes / kUnit);
  if (HAK_UNLIKELY(index >= kClassIndexes)) return Slow::Malloc(bytes);
  const intptr_t token = kClassTable.token[index];
  void* block = t_cache.head[token + kFreeBin];
  if (HAK_UNLIKELY(block == nullptr)) return Slow::Malloc(bytes);
  if (HAK_UNLIKELY(LoadHeader(block) != token)) return Slow::Malloc(bytes);
  t_cache.head[token + kFreeBin] = LoadLink(block);
  ++t_cache.room[token + kFreeBin];
  StoreHeader(block, static_cast<int8_t>(token - kFreeBias));
  return block;
}

// free. Leaves to `Slow::Free(pointer)` for NULL, pointers outside of the
// window, slabs that hold no blocks, and headers that do not say live.
template <class Slow>
HAK_INLINE void FreeFast(void* pointer) {
  const uintptr_t offset =
      AddressOf(static_cast<char*>(pointer)) - superslab::WindowBase();
  if (HAK_UNLIKELY(offset >> superslab::kWindowShift != 0)) {
    return Slow::Free(pointer);
  }
  const intptr_t token = superslab::MapByte(offset >> superslab::kSlabShift);
  if (HAK_UNLIKELY(token >= 0)) return Slow::Free(pointer);
  if (HAK_UNLIKELY(LoadHeader(pointer) != token)) return Slow::Free(pointer);
  StoreHeader(pointer, static_cast<int8_t>(token + kFreeBias));
  StoreLink(pointer, t_cache.head[token + kLiveBin]);
  t_cache.head[token + kLiveBin] = pointer;
  if (HAK_UNLIKELY(--t_cache.room[token + kLiveBin] < 0)) FlushSlow(token);
}

}  // namespace hakmem::tiny

#endif  // HAKMEM_ALLOC_TINY_THREAD_CACHE_H_
