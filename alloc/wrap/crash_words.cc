// Box:   wrap.   Uses: stats, tiny, large, superslab.   Must not know: signals.
// Holds: what lies at an address, in words.
// Locks: as Patience::kNow.   Read next: alloc/stats/block_info.h

#include "alloc/base/pointers.h"
#include "alloc/base/variant.h"
#include "alloc/large/armour.h"
#include "alloc/large/look.h"
#include "alloc/stats/block_info.h"
#include "alloc/superslab/window.h"
#include "alloc/tiny/report.h"
#include "alloc/tiny/zero_size.h"
#include "alloc/wrap/crash.h"
#include "platform/page_source.h"

namespace hakmem::wrap {
namespace {

using platform::Line;
using stats::BlockInfo;
using stats::BlockState;
using stats::Place;

// Who is so far past a block has probably run over its end.
constexpr size_t kNear = 64;
// How far behind or before a mapping of its own a fault still is because of it.
constexpr size_t kNearHuge = size_t{64} << 10;

BlockInfo Look(uintptr_t address) {
  return stats::BlockOf(address, Patience::kNow);
}

bool IsFree(const BlockInfo& block) {
  return block.state == BlockState::kFree || block.state == BlockState::kCached;
}

bool IsSmall(const BlockInfo& block) {
  return block.place == Place::kSmall || block.place == Place::kSlabEdge;
}

// "a live block at 0x... (Tiny class 3, 64 bytes) of heap 2"
void PutBlock(Line& line, const BlockInfo& block) {
  const bool live = block.state == BlockState::kLive;
  line.Text(live            ? "a live block"
            : IsFree(block) ? "a freed block"
                            : "a block");
  line.Text(" at ").Hex(block.start).Text(" (");
  if (block.place == Place::kHuge) {
    line.Text("Huge, ").Number(block.size).Text(" bytes)");
  } else if (!IsSmall(block)) {
    line.Text("Large, ").Number(block.size).Text(" bytes)");
  } else {
    tiny::PutClass(line, block.size_class);
    line.Text(block.heap != 0 ? ") of heap " : ") of no heap");
    if (block.heap != 0) line.Number(block.heap);
  }
}

void PutBytes(Line& line, size_t bytes) {
  line.Number(bytes).Text(bytes == 1 ? " byte" : " bytes");
}

// "12 bytes past the end of "
void PutDistance(Line& line, const BlockInfo& block) {
  if (block.offset < block.size) {
    PutBytes(line, block.offset);
    line.Text(IsFree(block) ? " inside " : " into ");
  } else if (static_cast<intptr_t>(block.offset) < 0) {
    PutBytes(line, 0 - block.offset);
    line.Text(" before ");
  } else {
    PutBytes(line, block.offset - block.size);
    line.Text(" past the end of ");
  }
}

bool HeaderIntact(const BlockInfo& block) {
  const unsigned free = tiny::kLiveByte + tiny::kFreeBias + block.size_class;
  // 0: its page was given back, or nobody has had the block yet.
  return block.state != BlockState::kDamaged &&
         (block.state != BlockState::kFree || block.header == free ||
          block.header == 0);
}

void PutState(Line& line, const BlockInfo& block) {
  if (block.overflown) line.Text(", written past its end");
  if (!IsSmall(block) || block.state == BlockState::kUnsure) return;
  line.Text(", header ");
  if (HeaderIntact(block)) {
    line.Text("intact");
  } else {
    line.Text("damaged (").Hex(block.header).Text(")");
  }
}

// Who is in a block that is damaged or free may have come from the one before.
void PutBlockBefore(Line& line, const BlockInfo& block) {
  const bool near = IsFree(block) && block.offset < kNear;
  if (block.place != Place::kSmall || (HeaderIntact(block) && !near)) return;
  BlockInfo before = Look(block.start - block.stride);
  if (before.place != Place::kSmall || before.state != BlockState::kLive ||
      before.start + before.stride != block.start) {
    return;
  }
  before.offset += block.stride + block.offset;
  line.Text(", ");
  PutDistance(line, before);
  PutBlock(line, before);
  if (before.overflown) line.Text(", written past its end");
}

// Is what lies past the end of this live block its guard?
bool IsGuardOf(const BlockInfo& block) {
  if constexpr (!kVariant.guards) return false;
  const uintptr_t end = block.start + block.size;
  const bool guarded =
      block.place == Place::kHuge || block.size >= large::kGuardFrom;
  return guarded && block.state == BlockState::kLive && !IsSmall(block) &&
         block.offset >= block.size &&
         block.start + block.offset >= AlignUp(end, platform::PageSize());
}

void PutIn(Line& line, const BlockInfo& block) {
  if (IsGuardOf(block)) line.Text("in a guard page, ");
  PutDistance(line, block);
  PutBlock(line, block);
  PutState(line, block);
  PutBlockBefore(line, block);
}

bool InGuardSlab(uintptr_t address) {
  if constexpr (!kVariant.guards) return false;
  const size_t index = superslab::SlabIndex(address);
  if (index >= superslab::SlabLimit()) return false;
  const superslab::SuperMeta* meta =
      superslab::MetaOf(index / superslab::kSlabsPerSuper);
  return meta != nullptr &&
         ((meta->guards >> (index % superslab::kSlabsPerSuper)) & 1) != 0;
}

void PutInGuardSlab(Line& line, uintptr_t address) {
  const uintptr_t start = AlignDown(address, superslab::kSlabBytes);
  BlockInfo before = Look(start - 1);
  if (before.place != Place::kSmall && before.place != Place::kSlabEdge &&
      before.place != Place::kSpan) {
    line.Text("in a guard page behind free memory");
    return;
  }
  before.offset += address - (start - 1);
  line.Text("in a guard page, ");
  PutDistance(line, before);
  PutBlock(line, before);
  PutState(line, before);
}

// A Huge block that ends shortly before the address, or begins behind it.
bool PutNearHuge(Line& line, uintptr_t address) {
  BlockInfo block = {};
  block.place = Place::kHuge;
  block.state = BlockState::kLive;
  large::HugeLook huge = large::LookAtHuge(address, Patience::kNow);
  if (huge.block == 0 || address - huge.block - huge.bytes >= kNearHuge) {
    huge = large::NextHuge(address, Patience::kNow);
    if (huge.block == 0 || huge.block - address > kNearHuge) return false;
    if (kVariant.guards) line.Text("in a guard page, ");
  }
  block.start = huge.block;
  block.size = huge.bytes;
  block.offset = address - huge.block;
  PutIn(line, block);
  return true;
}

bool PutZeroSize(Line& line, uintptr_t address) {
  if constexpr (kVariant.guards) {
    const auto state = tiny::LookAtZeroSize(At<void>(address));
    if (state == tiny::ZeroSizeState::kNone) return false;
    line.Text(state == tiny::ZeroSizeState::kLive
                  ? "in a live block of 0 bytes"
                  : "in a freed block of 0 bytes");
    return true;
  }
  return false;
}

void PutOutside(Line& line, uintptr_t address, uintptr_t sp) {
  constexpr uintptr_t kNull = 65536;
  // A full stack is met at or below sp, or in a frame that was just begun.
  constexpr uintptr_t kBelow = 65536;
  constexpr uintptr_t kFrame = 16384;
  if (address < kNull) {
    line.Text("NULL plus ").Number(address);
  } else if (address - (sp - kBelow) < kBelow + kFrame) {
    line.Text("near the stack pointer: is the stack full?");
  } else {
    line.Text("not the heap's");
  }
}

}  // namespace

void DescribeAddress(Line& line, uintptr_t address, uintptr_t sp) {
  line.Hex(address).Text(" is ");
  const BlockInfo block = Look(address);
  switch (block.place) {
    case Place::kSpan:
      if (block.state == BlockState::kFree) {
        line.Text("inside a freed block, now free memory of ");
        line.Number(block.size).Text(" bytes at ").Hex(block.start);
        line.Text(" (Large)");
        break;
      }
      [[fallthrough]];
    case Place::kSmall:
    case Place::kSlabEdge:
    case Place::kSpanEdge:
    case Place::kHuge:
      PutIn(line, block);
      break;
    default:
      if (InGuardSlab(address)) {
        PutInGuardSlab(line, address);
      } else if (PutNearHuge(line, address) || PutZeroSize(line, address)) {
      } else if (block.place == Place::kReleased) {
        line.Text("inside a freed block, whose memory was given back");
      } else if (block.place == Place::kWindow) {
        line.Text("among the heap's addresses, where nothing was yet");
      } else {
        PutOutside(line, address, sp);
      }
  }
  if (block.busy) line.Text(" (a lock was held: this is not sure)");
}

bool IsOfHeap(uintptr_t address) {
  const Place place = Look(address).place;
  return place != Place::kOutside && place != Place::kWindow;
}

}  // namespace hakmem::wrap
