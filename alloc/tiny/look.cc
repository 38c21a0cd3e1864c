// Box:   tiny.   Uses: superslab, base.   Must not know: wrap, large.
// Holds: how a slab is kept from going while somebody looks at it.
// Locks: see look.h.   Read next: alloc/stats/block_info.cc

#include "alloc/tiny/look.h"

#include "alloc/tiny/registry.h"
#include "alloc/tiny/remote_word.h"
#include "alloc/tiny/slack.h"

namespace hakmem::tiny {
namespace {

using superslab::kSlabBytes;

// The lock without which this slab is not released, held. nullptr: it cannot
// be had in time, or the slab is changing hands at the moment.
Lock* LockOf(const SlabDescriptor* slab, Patience patience) {
  constexpr int kTries = 64;
  for (int i = 0; i < kTries; ++i) {
    // relaxed: compared again under the lock.
    Heap* owner = slab->owner.load(std::memory_order_relaxed);
    Lock& lock = owner != nullptr ? owner->lock : OrphanLock();
    if (!AcquireWith(lock, patience)) return nullptr;
    const bool stays =
        owner != nullptr ? slab->owner.load(std::memory_order_relaxed) == owner
                         : ListOf(slab) == kOrphans;
    if (stays) return &lock;
    lock.Release();
  }
  return nullptr;
}

}  // namespace

SlabLook::SlabLook(size_t slab_index, Patience patience) : patience_(patience) {
  if (slab_index >= superslab::SlabLimit()) return;
  const int8_t kind = superslab::MapByte(slab_index);
  if (kind >= 0 || !IsLiveToken(kind)) return;
  const SlabDescriptor* slab = superslab::DescriptorOrNull(slab_index);
  if (slab == nullptr) return;
  lock_ = LockOf(slab, patience);
  if (superslab::MapByte(slab_index) != kind) return;  // it went meanwhile
  size_class_ = ClassOfLive(kind);
  stride_ = StrideBytes(slab);
  const size_t offset = size_t{slab->first_units} * kUnit;
  first_ = superslab::SlabAddress(slab_index) + offset;
  if (stride_ < kStride[size_class_] || offset >= kSlabBytes) return;
  const size_t most = (kSlabBytes - offset) / stride_;
  capacity_ =
      slab->capacity < most ? slab->capacity : static_cast<unsigned>(most);
  if (capacity_ > superslab::kMaxBlocksPerSlab) {
    capacity_ = superslab::kMaxBlocksPerSlab;
  }
  // relaxed: stable under the lock, a hint without it.
  const Heap* owner = slab->owner.load(std::memory_order_relaxed);
  heap_ = owner != nullptr ? owner->id : 0;
  slab_ = slab;
}

SlabLook::~SlabLook() {
  if (lock_ != nullptr) lock_->Release();
}

uint16_t SlabLook::returned() const {
  // relaxed: a count; nothing is followed.
  const uint64_t word = slab_->remote.load(std::memory_order_relaxed);
  return static_cast<uint16_t>(RemoteWord::Unpack(word).count +
                               slab_->chain_count);
}

uint8_t SlabLook::Header(unsigned index) const {
  return MayRead() ? HeaderByte(At<void>(Start(index))) : 0;
}

size_t SlabLook::Size(unsigned index) const {
  if constexpr (kVariant.armour) {
    static_assert(kOverflown == Slack::kDamaged);
    if (MayRead() && State(index) == BlockState::kLive) {
      return Slack(At<void>(Start(index)), kStride[size_class_]).Read();
    }
  }
  return UsableBytes(size_class_);
}

BlockState SlabLook::State(unsigned index) const {
  if (IsMarkedFree(slab_, Start(index))) return BlockState::kFree;
  if (!MayRead()) return BlockState::kUnsure;
  const int8_t header = LoadHeader(At<void>(Start(index)));
  if (header == LiveToken(size_class_)) return BlockState::kLive;
  if (header == FreeToken(size_class_)) return BlockState::kCached;
  return BlockState::kDamaged;
}

}  // namespace hakmem::tiny
