// Box:   tiny.   Uses: superslab, base.   Must not know: wrap, large.
// Holds: malloc with an alignment: from the bin if a block there lies well,
//        else from a slab whose blocks all do.
// Locks: the own heap's while blocks move; none while a slab is acquired.
// Read next: alloc/tiny/aligned_shape.h

#include "alloc/base/sampling.h"
#include "alloc/tiny/aligned_shape.h"
#include "alloc/tiny/armour.h"
#include "alloc/tiny/bins.h"
#include "alloc/tiny/registry.h"
#include "alloc/tiny/small.h"

namespace hakmem::tiny {
namespace {

HAK_INLINE bool LiesAt(const void* block, size_t alignment) {
  return (AddressOf(static_cast<const char*>(block)) & (alignment - 1)) == 0;
}

// May a block of the bin be handed out for so many bytes? Where sizes are
// checked one of a larger class than they ask for must be of an aligned slab,
// by which the check knows it.
HAK_INLINE bool MayServe(unsigned c, const void* block, size_t bytes) {
  return !kVariant.narrow_classes || c == ClassFor(bytes) || IsAligned(block);
}

// The first block of a bin, which is free and links to `next`, is handed out.
HAK_INLINE void* TakeFirst(unsigned c, void* block, void* next) {
  t_cache.head[c] = next;
  ++t_cache.room[c];
  StoreHeader(block, LiveToken(c));
  return block;
}

// One of the first blocks of a bin, if it lies at a multiple of `alignment`.
HAK_NOINLINE void* FindCached(unsigned c, size_t alignment, size_t bytes) {
  constexpr int kTries = 4;
  void* before = nullptr;
  void* block = t_cache.head[c];
  for (int i = 0; i < kTries && block != nullptr; ++i) {
    if (LoadHeader(block) != FreeToken(c)) ReportDamagedFreeBlock(block);
    void* const next = LoadLink(block);
    if (LiesAt(block, alignment) && MayServe(c, block, bytes)) {
      if (before == nullptr) return TakeFirst(c, block, next);
      StoreLink(before, next);
      return TakeFirst(c, block, t_cache.head[c]);
    }
    before = block;
    block = next;
  }
  return nullptr;
}

// Puts a chain in front of what a bin has, and hands out its first block.
void* PrependChain(unsigned c, const Chain& chain) {
  if (chain.count > 1) {
    void* tail = chain.tail;
    if (tail == nullptr) {
      tail = chain.head;
      for (unsigned i = 1; i < chain.count; ++i) tail = LoadLink(tail);
    }
    StoreLink(tail, t_cache.head[c]);
    t_cache.head[c] = LoadLink(chain.head);
    t_cache.room[c] -= static_cast<int32_t>(chain.count - 1);
    if (t_cache.room[c] < 0) SetLimit(c, Cached(c));
  }
  StoreHeader(chain.head, LiveToken(c));
  return chain.head;
}

HAK_COLD void* AllocateUncached(size_t alignment, AlignedShape shape) {
  const unsigned c = shape.size_class;
  Heap* heap = OwnHeap();
  // Who samples must see every block that a thread takes.
  const unsigned want = heap != nullptr && !Sampling() ? NextBatch(c) : 1;
  if (heap == nullptr) heap = SharedHeap();
  if (heap == nullptr) return nullptr;
  TakeResult result;
  Chain chain;
  {
    LockHolder hold(heap->lock);
    DrainNotifyLocked(*heap);
    result = TakeAlignedLocked(*heap, c, alignment, want, &chain);
  }
  if (result.count == 0 && result.damaged == nullptr) {
    SlabDescriptor* slab = superslab::AcquireSlab();
    if (slab == nullptr) return nullptr;
    LockHolder hold(heap->lock);
    InitSlabLocked(*heap, slab, c, shape.stride, shape.first, kAligned);
    result = TakeBlocksLocked(*heap, slab, want, &chain);
  }
  if (result.damaged != nullptr) ReportDamagedFreeBlock(result.damaged);
  if constexpr (kVariant.armour) ShuffleChain(&chain);
  NoteRefill(c, chain.count, platform::Now());
  return PrependChain(c, chain);
}

}  // namespace

void* AllocateAligned(size_t alignment, size_t bytes) {
  const AlignedShape shape = ShapeFor(alignment, bytes);
  const unsigned c = shape.size_class;
  void* block = t_cache.head[c];
  if (HAK_LIKELY(block != nullptr && LoadHeader(block) == FreeToken(c) &&
                 LiesAt(block, alignment) && MayServe(c, block, bytes))) {
    return TakeFirst(c, block, LoadLink(block));
  }
  block = FindCached(c, alignment, bytes);
  return block != nullptr ? block : AllocateUncached(alignment, shape);
}

bool IsAligned(const void* block) {
  const uintptr_t address = AddressOf(static_cast<const char*>(block));
  return OpenList(superslab::Descriptor(superslab::SlabIndex(address))) ==
         kAligned;
}

}  // namespace hakmem::tiny
