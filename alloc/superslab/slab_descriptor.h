// Box:   superslab.   Uses: base.   Must not know: how classes are chosen.
// Holds: what is known of a slab, kept out of line and never unmapped.
// Locks: by field, see below.   Read next: alloc/superslab/slab_pool.h

#ifndef HAKMEM_ALLOC_SUPERSLAB_SLAB_DESCRIPTOR_H_
#define HAKMEM_ALLOC_SUPERSLAB_SLAB_DESCRIPTOR_H_

#include <atomic>
#include <cstdint>

#include "alloc/superslab/geometry.h"

namespace hakmem::tiny {
struct Heap;
}

namespace hakmem::superslab {

// Smallest stride: 16 bytes, of which a slab of 64 KiB would hold 4,095. Such
// a slab uses its first half only, so that one bitmap size serves all.
inline constexpr unsigned kMaxBlocksPerSlab = 2048;
inline constexpr unsigned kBitWords = kMaxBlocksPerSlab / 64;

// Whose hands a slab is in decides who may write the plain fields:
//   in the pool   whoever took its bit out of the SuperSlab word;
//   owned         the holder of the owner heap's lock;
//   ORPHAN        nobody, until one CAS on `remote` makes somebody its owner.
struct alignas(64) SlabDescriptor {
  // Blocks freed by others: {head, count, state, tag}, see tiny/remote_word.h.
  std::atomic<uint64_t> remote;
  // Read by threads that free remotely, before their CAS on `remote`.
  std::atomic<tiny::Heap*> owner;
  // Lists of the owner heap, or the list of orphans; see tiny/heap.h.
  SlabDescriptor* next;
  SlabDescriptor* prev;
  // Stack of slabs that their heap must look at again: the next one's
  // slab_index, 0 at the end.
  uint32_t notify_next;
  uint32_t slab_index;  // in the window; set once when the slab is mapped
  uint32_t reciprocal;  // of the stride, see tiny/heap.h
  // Blocks that are not marked free in the bitmap: live, in a thread's cache,
  // or freed remotely and not yet seen by the owner. Frozen while ORPHAN.
  std::atomic<uint16_t> used;
  uint16_t capacity;
  uint16_t stride_units;  // distance of blocks, in 16 bytes
  uint16_t first_units;   // offset of the first block, in 16 bytes
  // Remote blocks that the owner took over but has not put into the bitmap:
  // a chain linked through the blocks, ready to become a thread's cache.
  uint16_t chain_head;  // offset in 16 bytes; 0: none
  uint16_t chain_count;
  // One bit per page of the kernel: never written since it was zero.
  uint16_t clean_pages;
  // Blocks below this index were handed out since the slab was acquired, so
  // that their header byte says free, or 0 if their page was purged.
  uint16_t carved;
  int8_t token;  // header byte of live blocks
  // Which list `next` and `prev` are on: tiny/heap.h. relaxed: written under
  // the lock of that list; others may only compare it with kOrphans.
  std::atomic<uint8_t> list;
  uint8_t scan;   // no bit is set in bitmap words below this one
  uint8_t flags;  // tiny/heap.h
};
static_assert(sizeof(SlabDescriptor) == 64);

// A slab's descriptor and its bitmap: a set bit is a free block.
struct SlabRecord {
  SlabDescriptor descriptor;
  uint64_t free_bits[kBitWords];
};

// The metadata of a SuperSlab whose slabs hold blocks.
struct SuperMeta {
  // {free mask 16, clean mask 16, tag 32}, see superslab/super_word.h.
  std::atomic<uint64_t> word;
  // Slabs without access, never in the pool. relaxed: who reads it with an old
  // word fails at its CAS on `word`.
  std::atomic<uint64_t> guards;
  // Some of its slabs are, or were, spans: it is theirs to unmap.
  std::atomic<uint32_t> mixed;
  uint32_t padding[11];
  SlabRecord slabs[kSlabsPerSuper];
};

inline uint64_t* FreeBits(SlabDescriptor* slab) {
  return reinterpret_cast<SlabRecord*>(slab)->free_bits;
}

}  // namespace hakmem::superslab

#endif  // HAKMEM_ALLOC_SUPERSLAB_SLAB_DESCRIPTOR_H_
