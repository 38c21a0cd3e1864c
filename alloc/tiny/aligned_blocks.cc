// Box:   tiny.   Uses: superslab, base.   Must not know: wrap, large.
// Holds: malloc with an alignment: from the bin if a block there lies well,
//        else from a slab whose blocks all do.
// Locks: the own heap's while blocks move; none while a slab is acquired.
// Read next: alloc/tiny/aligned_shape.h

#include "alloc/tiny/aligned_shape.h"
#include "alloc/tiny/bins.h"
#include "alloc/tiny/registry.h"
#include "alloc/tiny/small.h"

namespace hakmem::tiny {
namespace {

// One of the first blocks of a bin, if it lies at a multiple of `alignment`.
// Where sizes are checked a block of a larger class than `bytes` asks for must
// be of an aligned slab, by which the check knows it.
void* TakeCachedAligned(unsigned c, size_t alignment, size_t bytes) {
  const bool any = !kVariant.narrow_classes || c == ClassFor(bytes);
  constexpr int kTries = 4;
  void* before = nullptr;
  void* block = t_cache.head[c];
  for (int i = 0; i < kTries && block != nullptr; ++i) {
    if (LoadHeader(block) != FreeToken(c)) ReportDamagedFreeBlock(block);
    void* next = LoadLink(block);
    if ((AddressOf(static_cast<char*>(block)) & (alignment - 1)) == 0 &&
        (any || IsAligned(block))) {
      if (before == nullptr) {
        t_cache.head[c] = next;
      } else {
        StoreLink(before, next);
      }
      ++t_cache.room[c];
      StoreHeader(block, LiveToken(c));
      return block;
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
  // How many at a time: they are looked for one by one afterwards.
  constexpr unsigned kBatch = 8;
  const unsigned c = shape.size_class;
  Heap* heap = OwnHeap();
  const unsigned want = heap != nullptr && !kVariant.armour ? kBatch : 1;
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
  return PrependChain(c, chain);
}

}  // namespace

void* AllocateAligned(size_t alignment, size_t bytes) {
  const AlignedShape shape = ShapeFor(alignment, bytes);
  void* block = TakeCachedAligned(shape.size_class, alignment, bytes);
  return HAK_LIKELY(block != nullptr) ? block
                                      : AllocateUncached(alignment, shape);
}

bool IsAligned(const void* block) {
  const uintptr_t address = AddressOf(static_cast<const char*>(block));
  return OpenList(superslab::Descriptor(superslab::SlabIndex(address))) ==
         kAligned;
}

}  // namespace hakmem::tiny
