// Box:   tiny.   Uses: superslab, base.   Must not know: wrap, large.
// Holds: what the hardened variant does with a small block beyond the others:
//        what is asked before a free, and what is written around a block.
// Locks: none here.   Read next: alloc/tiny/quarantine.h
//
// A free block of this variant is zero but for its link, whatever it was used
// for before: who reads it after its free, or before writing to it, sees
// nothing, and who wrote to it is found when it is handed out again.

#ifndef HAKMEM_ALLOC_TINY_ARMOUR_H_
#define HAKMEM_ALLOC_TINY_ARMOUR_H_

#include <cstddef>
#include <cstdint>

#include "alloc/base/bytes.h"
#include "alloc/base/thread_phase.h"
#include "alloc/tiny/heap.h"
#include "alloc/tiny/quarantine.h"
#include "alloc/tiny/slack.h"
#include "alloc/tiny/thread_cache.h"

namespace hakmem::tiny {

inline constexpr size_t kMaxArmoured = kMaxSmall - kCodeBytes;

// Reports; each ends the process. `what` was asked of a pointer into a slab
// that IsSound does not like.
[[noreturn]] HAK_COLD void ReportUnsound(void* pointer, const char* what);
[[noreturn]] HAK_COLD void ReportOverflow(void* block);
[[noreturn]] HAK_COLD void ReportWriteAfterFree(const void* block);

// A thread that may keep nothing back frees an armoured block.
HAK_COLD void FreeUndetained(void* block, size_t size_class);
// A sound block whose slack or self is long, or damaged.
HAK_NOINLINE void FreeLong(void* block, size_t size_class);
// A block to quarantine, which had room for it.
HAK_NOINLINE void ZeroFreed(void* block, size_t size_class);
// A refill is due: looks at what is in quarantine, since a program that only
// allocates would never see what it wrote there.
void InspectQuarantine(unsigned size_class);
// Moves all of it into the bins.
void EmptyQuarantine();
// This thread's order is another than other threads', and than in other runs.
// The secret was drawn.
void SeedQuarantine();

// A fresh slab: zeroes what another class has left in it.
void ZeroDirtyPages(SlabDescriptor* slab);
// The least a refill asks for: a shuffled batch of two would hide nothing.
constexpr uint8_t FirstBatch(unsigned most) {
  if (!kVariant.armour) return 2;
  return static_cast<uint8_t>(most < 16 ? most : 16);
}
// Puts a refill into an order that cannot be foreseen.
void ShuffleChain(Chain* chain);

extern __thread Quarantine t_quarantine;

// Makes a block of the cache one that the program holds `bytes` of. It was
// zero when it came into the cache; here only its ends are looked at, where the
// CPU is anyway.
HAK_INLINE void Arm(void* block, size_t slot, size_t bytes) {
  Bytes8* words = static_cast<Bytes8*>(block);
  words[0] = 0;  // the link, which LoadLink has verified
  const uint64_t second = words[1];
  const bool zero = Slack(block, slot).WriteInZeroes(bytes);
  if (HAK_UNLIKELY(!zero || second != 0)) ReportWriteAfterFree(block);
}

// malloc of `bytes` in 1..kMaxArmoured; leaves to `Slow::Malloc(WithSlack())`,
// whose block is then armoured.
template <class Slow>
HAK_NOINLINE void* MallocArmouredSlow(size_t bytes) {
  platform::KeepFrame();
  const size_t whole = WithSlack(bytes);
  void* block = Slow::Malloc(whole);
  if (block != nullptr) Arm(block, kArmour.of[ClassFor(whole)].slot, bytes);
  return block;
}
template <class Slow>
HAK_INLINE void* MallocArmoured(size_t bytes) {
  const size_t c = platform::Opaque(ClassFor(WithSlack(bytes)));
  void* block = t_cache.head[c];
  if (HAK_UNLIKELY(block == nullptr ||
                   HeaderByte(block) != c + kLiveByte + kFreeBias)) {
    return MallocArmouredSlow<Slow>(bytes);
  }
  t_cache.head[c] = LoadLink(block);
  ++t_cache.room[c];
  StoreHeader(block, static_cast<int8_t>(c + kLiveByte));
  Arm(block, kArmour.of[c].slot, bytes);
  return block;
}

// The bytes that a live block was asked for.
HAK_INLINE size_t AskedBytes(void* block, unsigned size_class) {
  const size_t bytes = Slack(block, kStride[size_class]).Read();
  if (HAK_UNLIKELY(bytes == Slack::kDamaged)) ReportOverflow(block);
  return bytes;
}

// The block stays where it is and holds `bytes` from now on, `before` so far.
inline void Rearm(void* block, unsigned size_class, size_t before,
                  size_t bytes) {
  const Slack slack(block, kStride[size_class]);
  // What is given up, or was a canary, must not be found there.
  const size_t keep = bytes < before ? bytes : before;
  memset(static_cast<char*>(block) + keep, 0,
         kStride[size_class] - size_t{1} - keep);
  (void)slack.Write(bytes);
}

// Is this exactly the start of a live block, with sound headers on both sides?
// `slab` is the slab of an address whose map byte is `token`.
HAK_INLINE bool IsSound(void* pointer, const SlabDescriptor* slab,
                        int8_t token) {
  const uintptr_t address = AddressOf(static_cast<char*>(pointer));
  const unsigned index = IndexAt(
      slab, (address - superslab::WindowBase()) % superslab::kSlabBytes);
  // acquire: pairs with the release in TakeBlocksLocked: blocks below have
  // their headers.
  const unsigned carved = __atomic_load_n(&slab->carved, __ATOMIC_ACQUIRE);
  // Before the header is read: in front of the first block may be a guard.
  if (HAK_UNLIKELY(index >= carved || LoadHeader(pointer) != token)) {
    return false;
  }
  if (HAK_UNLIKELY(index + 1 == carved)) return true;
  const int8_t next =
      static_cast<const int8_t*>(pointer)[StrideBytes(slab) - 1];
  // 0: its page was given back to the kernel.
  return HAK_LIKELY(next == token ||
                    next == static_cast<int8_t>(token + kFreeBias) ||
                    next == 0);
}

// Into quarantine, a block of a class of `slot` bytes; what has to go from
// there is looked at and is free.
HAK_INLINE void Detain(void* block, size_t c, size_t slot) {
  StoreHeader(block, static_cast<int8_t>(c + kLiveByte + kFreeBias));
  void* out = t_quarantine.Exchange(static_cast<unsigned>(c), block);
  if (HAK_UNLIKELY(out == nullptr)) return ZeroFreed(block, c);
  if (HAK_UNLIKELY(!ZeroSlotAndTest(block, out, slot))) {
    ReportWriteAfterFree(out);
  }
  StoreLink(out, t_cache.head[c]);
  t_cache.head[c] = out;
  if (HAK_UNLIKELY(--t_cache.room[c] < 0)) FlushSlow(c);
}

// free for a pointer into a slab; leaves to `Slow::Free` for all others, and to
// Slow::FreeUnsound for what must not be freed.
template <class Slow>
HAK_INLINE void FreeArmoured(void* pointer) {
  const uintptr_t offset =
      AddressOf(static_cast<char*>(pointer)) - superslab::WindowBase();
  if (HAK_UNLIKELY(offset >> superslab::kWindowShift != 0)) {
    return Slow::Free(pointer);
  }
  const size_t index = offset >> superslab::kSlabShift;
  const int8_t token = superslab::MapByte(index);
  if (HAK_UNLIKELY(token >= 0)) return Slow::Free(pointer);
  const SlabDescriptor* slab = superslab::Descriptor(index);
  if (HAK_UNLIKELY(!IsSound(pointer, slab, token))) {
    return Slow::FreeUnsound(pointer);
  }
  const size_t c = platform::Opaque(ClassOfLive(token));
  const size_t slot = kArmour.of[c].slot;
  if (HAK_UNLIKELY(slot >= kManyBytes)) return FreeLong(pointer, c);
  const Slack slack(pointer, slot);
  Slack::State state = slack.Look();
  if (state == Slack::State::kLong) state = slack.LookWide();
  if (HAK_UNLIKELY(state != Slack::State::kIntact)) {
    return FreeLong(pointer, c);
  }
  if (HAK_UNLIKELY(t_phase != ThreadPhase::kActive)) {
    return FreeUndetained(pointer, c);
  }
  Detain(pointer, c, slot);
}

}  // namespace hakmem::tiny

#endif  // HAKMEM_ALLOC_TINY_ARMOUR_H_
