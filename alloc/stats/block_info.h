// Box:   stats.   Uses: tiny, large, superslab.   Must not know: wrap.
// Holds: what an address is, and all blocks there are: for hakmem.h, the crash
//        report and the dump.
// Locks: at most one at a time, see Patience.
// Read next: alloc/stats/block_info.cc

#ifndef HAKMEM_ALLOC_STATS_BLOCK_INFO_H_
#define HAKMEM_ALLOC_STATS_BLOCK_INFO_H_

#include <cstddef>
#include <cstdint>

#include "alloc/base/patience.h"
#include "alloc/tiny/look.h"

namespace hakmem::stats {

using tiny::BlockState;

enum class Place : uint8_t {
  kOutside,   // nothing that the heap has, or the list of Huge blocks is busy
  kWindow,    // the heap's addresses, but never its memory so far
  kReleased,  // was the heap's memory, which has been given back or is free
  // At an edge all other fields are those of the block next to it.
  kSlabEdge,  // a slab, before its first block or behind its last
  kSpanEdge,  // a span, in front of its block
  kSmall,     // a block of a slab
  kSpan,      // a span, in use or free
  kHuge,      // a mapping of its own
};

struct BlockInfo {
  Place place;
  BlockState state;
  uint8_t header;      // kSmall: the byte before the block, 0 if not read
  uint8_t size_class;  // kSmall
  uint32_t heap;       // kSmall: id of the owner; 0: none
  uintptr_t start;     // of the block; kSpan that is free: of the span
  size_t size;         // bytes that the program may use, or if armoured asked
  size_t stride;       // to the next block
  size_t offset;       // of the address from `start`; >= size: past the end,
                       // or, at an edge, before it
  bool overflown;      // armoured, and what lies behind it was changed
  bool busy;           // a lock could not be had: there may be more to know
};

// What lies at an address, any address. Never faults with kBounded and kWait.
BlockInfo BlockOf(uintptr_t address, Patience patience);

// Calls `use` for every block that is live or cached (or damaged), Huge ones
// last, until it returns false. No lock is held meanwhile, so `use` may
// allocate. A block that lives throughout is seen once; one that comes or goes
// meanwhile may be.
using UseBlock = bool (*)(void* context, const BlockInfo& block);
void ForEachBlock(UseBlock use, void* context);

}  // namespace hakmem::stats

#endif  // HAKMEM_ALLOC_STATS_BLOCK_INFO_H_
