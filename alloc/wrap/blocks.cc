// Box:   wrap.   Uses: stats, tiny.   Must not know: nothing is above.
// Holds: the part of hakmem.h that looks at single blocks and heaps. In a
//        library of its own, so that only who asks links it.
// Locks: none here.   Read next: alloc/stats/block_info.h

#include "alloc/base/pointers.h"
#include "alloc/stats/block_info.h"
#include "alloc/stats/stats.h"
#include "alloc/tiny/registry.h"
#include "alloc/wrap/hakmem.h"
#include "alloc/wrap/same_variant.h"

using namespace hakmem;

namespace {

using stats::BlockInfo;
using stats::BlockState;
using stats::Place;

int KindOf(Place place) {
  switch (place) {
    case Place::kSmall:
      return HAK_KIND_SMALL;
    case Place::kSpan:
      return HAK_KIND_LARGE;
    case Place::kHuge:
      return HAK_KIND_HUGE;
    default:
      return 0;
  }
}

int StateOf(BlockState state) {
  switch (state) {
    case BlockState::kLive:
      return HAK_BLOCK_LIVE;
    case BlockState::kDamaged:
      return HAK_BLOCK_DAMAGED;
    case BlockState::kUnsure:
      return HAK_BLOCK_UNSURE;
    default:
      return HAK_BLOCK_FREE;
  }
}

hak_block BlockFrom(const BlockInfo& info) {
  hak_block block = {};
  block.start = At<void>(info.start);
  block.size = info.size;
  block.stride = info.stride;
  block.offset = info.offset;
  block.state = StateOf(info.state);
  block.kind = KindOf(info.place);
  block.size_class = info.place == Place::kSmall ? info.size_class : -1;
  block.heap = info.heap;
  return block;
}

struct Walk {
  int (*use)(void* context, const hak_block* block);
  void* context;
  int result;
};

}  // namespace

extern "C" {

int hak_block_of(const void* address, struct hak_block* block) {
  wrap::NeedSameVariant();
  const BlockInfo info = stats::BlockOf(
      AddressOf(static_cast<const char*>(address)), Patience::kBounded);
  if (KindOf(info.place) == 0) return info.busy ? -1 : 0;
  *block = BlockFrom(info);
  return 1;
}

int hak_for_each_block(int (*use)(void* context, const struct hak_block* block),
                       void* context) {
  wrap::NeedSameVariant();
  Walk walk = {use, context, 0};
  stats::ForEachBlock(
      [](void* walking, const BlockInfo& info) {
        Walk* w = static_cast<Walk*>(walking);
        const hak_block block = BlockFrom(info);
        w->result = w->use(w->context, &block);
        return w->result == 0;
      },
      &walk);
  return walk.result;
}

size_t hak_heaps(struct hak_heap_stats* heaps, size_t count) {
  wrap::NeedSameVariant();
  size_t found = 0;
  tiny::Heap* heap = tiny::FirstHeap();
  for (; heap != nullptr; heap = heap->next_heap, ++found) {
    if (found >= count) continue;
    const stats::HeapTotals sum = stats::ReadHeap(*heap);
    heaps[found] = {sum.id,   sum.idle ? 1 : 0, sum.slabs,
                    sum.used, sum.cached,       sum.committed};
  }
  return found;
}

}  // extern "C"
