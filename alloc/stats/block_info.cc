// Box:   stats.   Uses: tiny, large, superslab.   Must not know: wrap.
// Holds: the search among slabs, spans and Huge blocks.
// Locks: see block_info.h.   Read next: alloc/stats/stats.h

#include "alloc/stats/block_info.h"

#include "alloc/base/variant.h"
#include "alloc/large/look.h"
#include "alloc/superslab/window.h"
#include "alloc/tiny/size_class.h"

namespace hakmem::stats {
namespace {

using large::SpanState;
using tiny::SlabLook;

BlockInfo SmallBlock(const SlabLook& slab, unsigned index) {
  BlockInfo info = {};
  info.place = Place::kSmall;
  info.state = slab.State(index);
  info.header = slab.Header(index);
  info.size_class = static_cast<uint8_t>(slab.size_class());
  info.heap = slab.heap();
  info.start = slab.Start(index);
  info.size = slab.Size(index);
  if (info.size == SlabLook::kOverflown) {
    info.overflown = true;
    info.size = tiny::UsableBytes(slab.size_class());
  }
  info.stride = slab.stride();
  info.busy = info.state == BlockState::kUnsure;
  return info;
}

BlockInfo SmallBlockAt(uintptr_t address, const SlabLook& slab) {
  const uintptr_t end = slab.Start(slab.capacity());
  BlockInfo info = {};
  if (slab.capacity() == 0) {
    info.place = Place::kReleased;
  } else if (address < slab.first()) {
    info = SmallBlock(slab, 0);
    info.place = Place::kSlabEdge;
  } else if (address >= end) {
    info = SmallBlock(slab, slab.capacity() - 1);
    info.place = Place::kSlabEdge;
  } else {
    const size_t index = (address - slab.first()) / slab.stride();
    info = SmallBlock(slab, static_cast<unsigned>(index));
  }
  info.offset = address - info.start;
  return info;
}

BlockState StateOf(SpanState state) {
  switch (state) {
    case SpanState::kUsed:
      return BlockState::kLive;
    case SpanState::kCached:
      return BlockState::kCached;
    case SpanState::kDirty:
    case SpanState::kClean:
    case SpanState::kBusy:
      return BlockState::kFree;
    default:
      return BlockState::kUnsure;
  }
}

BlockInfo SpanBlock(const large::SpanLook& span) {
  BlockInfo info = {};
  info.place = Place::kSpan;
  info.state = StateOf(span.state);
  info.start = span.block;
  info.size = span.bytes;
  info.stride = size_t{span.units} << large::kUnitShift;
  return info;
}

BlockInfo SpanBlockAt(uintptr_t address) {
  const large::SpanLook span = large::LookAtSpan(address);
  BlockInfo info = {};
  if (span.units == 0) {
    info.place = Place::kReleased;
    return info;
  }
  info = SpanBlock(span);
  info.offset = address - info.start;
  // In front of a coloured block: the edge of the span, no block's byte.
  if (address < info.start) info.place = Place::kSpanEdge;
  return info;
}

BlockInfo HugeBlock(const large::HugeLook& huge) {
  BlockInfo info = {};
  info.place = Place::kHuge;
  info.state = BlockState::kLive;
  info.start = huge.block;
  info.size = huge.bytes;
  info.stride = huge.bytes;
  return info;
}

BlockInfo OutsideWindow(uintptr_t address, Patience patience) {
  const large::HugeLook huge = large::LookAtHuge(address, patience);
  BlockInfo info = {};
  info.busy = huge.busy;
  if (huge.block == 0 || address - huge.block >= huge.bytes) return info;
  info = HugeBlock(huge);
  info.offset = address - huge.block;
  return info;
}

// The blocks of one slab, copied under its lock and used without it.
bool UseSlab(size_t slab_index, UseBlock use, void* context) {
  BlockState states[superslab::kMaxBlocksPerSlab];
  // Where every block has a size of its own: it must be read under the lock.
  constexpr bool kSizes = kVariant.armour;
  uint16_t sizes[kSizes ? superslab::kMaxBlocksPerSlab : 1];
  BlockInfo info;
  unsigned capacity;
  uintptr_t first;
  {
    const SlabLook slab(slab_index, Patience::kWait);
    if (!slab.valid() || slab.capacity() == 0) return true;
    capacity = slab.capacity();
    first = slab.first();
    info = SmallBlock(slab, 0);
    for (unsigned i = 0; i < capacity; ++i) {
      states[i] = slab.State(i);
      const size_t size = kSizes ? slab.Size(i) : 0;
      sizes[kSizes ? i : 0] = static_cast<uint16_t>(
          size == SlabLook::kOverflown ? tiny::UsableBytes(slab.size_class())
                                       : size);
    }
  }
  info.header = 0;
  for (unsigned i = 0; i < capacity; ++i) {
    if (states[i] == BlockState::kFree) continue;
    info.state = states[i];
    if (kSizes) info.size = sizes[i];
    info.start = first + i * info.stride;
    if (!use(context, info)) return false;
  }
  return true;
}

}  // namespace

BlockInfo BlockOf(uintptr_t address, Patience patience) {
  const uintptr_t offset = address - superslab::WindowBase();
  if (offset >= superslab::kWindowBytes) {
    return OutsideWindow(address, patience);
  }
  const size_t slab_index = offset >> superslab::kSlabShift;
  const int8_t kind = superslab::KindOf(address);
  if (kind == superslab::kLarge) return SpanBlockAt(address);
  if (kind < 0) {
    const SlabLook slab(slab_index, patience);
    if (slab.valid()) return SmallBlockAt(address, slab);
  }
  // A Huge block lies here if the kernel has honoured no hint.
  BlockInfo info = OutsideWindow(address, patience);
  if (info.place == Place::kOutside) {
    const bool never =
        kind == superslab::kNeverOurs || kind == superslab::kAbsent;
    info.place = never ? Place::kWindow : Place::kReleased;
  }
  return info;
}

void ForEachBlock(UseBlock use, void* context) {
  // relaxed: a bound; what lies above it is new.
  const size_t slabs =
      size_t{superslab::g_window.high_water.load(std::memory_order_relaxed)} *
      superslab::kSlabsPerSuper;
  for (size_t i = 0; i < slabs && i < superslab::kWindowSlabs; ++i) {
    if (superslab::MapByte(i) < 0 && !UseSlab(i, use, context)) return;
  }
  large::SpanLook span = large::NextSpan(0);
  for (; span.units != 0; span = large::NextSpan(span.first + span.units)) {
    const BlockInfo info = SpanBlock(span);
    if (info.state != BlockState::kLive && info.state != BlockState::kCached) {
      continue;
    }
    if (!use(context, info)) return;
  }
  large::HugeLook huge = large::NextHuge(0, Patience::kWait);
  for (; huge.block != 0; huge = large::NextHuge(huge.block, Patience::kWait)) {
    if (!use(context, HugeBlock(huge))) return;
  }
}

}  // namespace hakmem::stats
