// Box:   tiny.   Uses: superslab, base.   Must not know: wrap, large.
// Holds: the quarantine of a thread, and what is said of damaged blocks.
// Locks: none here.   Read next: alloc/tiny/zero_size.h

#include "alloc/tiny/armour.h"

#include "alloc/tiny/small.h"
#include "platform/page_source.h"

namespace hakmem::tiny {

__thread Quarantine t_quarantine;

namespace {

HAK_INLINE void PushToBin(void* block, unsigned c) {
  StoreLink(block, t_cache.head[c]);
  t_cache.head[c] = block;
  --t_cache.room[c];
}

}  // namespace

void FreeUndetained(void* block, size_t size_class) {
  const unsigned c = static_cast<unsigned>(size_class);
  // The first free of a thread that has not allocated.
  if (MayCache()) {
    SeedQuarantine();
    return Detain(block, c, kStride[c]);
  }
  StoreHeader(block, static_cast<int8_t>(LiveToken(c) + kFreeBias));
  ZeroSlot(block, kStride[c]);
  PushToBin(block, c);
  if (t_cache.room[c] < 0) FlushSlow(c);
}

void SeedQuarantine() {
  // The next thread may be at the same address.
  t_quarantine.Seed(g_secret ^ reinterpret_cast<uintptr_t>(&t_quarantine) ^
                    platform::Now());
}

void FreeLong(void* block, size_t c) {
  const size_t slot = kStride[c];
  if (HAK_UNLIKELY(Slack(block, slot).Read() == Slack::kDamaged)) {
    ReportOverflow(block);
  }
  if (HAK_UNLIKELY(t_phase != ThreadPhase::kActive)) {
    return FreeUndetained(block, c);
  }
  Detain(block, c, slot);
}

void ZeroFreed(void* block, size_t c) { ZeroSlot(block, kStride[c]); }

void InspectQuarantine(unsigned c) {
  const auto inspect = [](unsigned one) {
    t_quarantine.ForEach(one, [one](void* block) {
      if (!IsZeroSlot(block, kStride[one])) ReportWriteAfterFree(block);
    });
  };
  inspect(c);
  // And where something was freed just now.
  if (t_quarantine.last() != c) inspect(t_quarantine.last());
}

void EmptyQuarantine() {
  for (unsigned c = 0; c < kClasses; ++c) {
    t_quarantine.Empty(c, [c](void* block) {
      if (!IsZeroSlot(block, kStride[c])) ReportWriteAfterFree(block);
      PushToBin(block, c);
    });
  }
}

void ZeroDirtyPages(SlabDescriptor* slab) {
  const size_t page = platform::PageSize();
  for (unsigned p = 0; p < superslab::PagesPerSlab(); ++p) {
    if (((slab->clean_pages >> p) & 1) != 0) continue;
    memset(At<void>(SlabBase(slab) + p * page), 0, page);
  }
}

void ShuffleChain(Chain* chain) {
  void* blocks[256];
  unsigned count = 0;
  for (void* block = chain->head; count < chain->count && count < 256;) {
    blocks[count] = block;
    if (++count < chain->count) block = LoadLink(block);
  }
  // Longer ones do not occur; their rest would be lost.
  if (count != chain->count || count < 2) return;
  Shuffler order(AddressOf(blocks[0]));
  for (unsigned i = count - 1; i > 0; --i) {
    const unsigned other = order.Below(i + 1);
    void* const block = blocks[i];
    blocks[i] = blocks[other];
    blocks[other] = block;
  }
  for (unsigned i = 1; i < count; ++i) StoreLink(blocks[i - 1], blocks[i]);
  chain->head = blocks[0];
  chain->tail = blocks[count - 1];
}

}  // namespace hakmem::tiny
