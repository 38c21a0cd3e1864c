// Box:   stats.   Uses: tiny, large, superslab.   Must not know: wrap.
// Holds: the heap as an image, for hakmem-view.
// Locks: one heap's, or that of Huge blocks, at a time; none while it writes.
// Read next: alloc/stats/dump.cc

#ifndef HAKMEM_ALLOC_STATS_DUMP_H_
#define HAKMEM_ALLOC_STATS_DUMP_H_

#include <cstdint>

namespace hakmem::stats {

// Returns 0, or what write(2) set errno to.
int WriteDump(int fd, uint64_t foreign_frees);

}  // namespace hakmem::stats

#endif  // HAKMEM_ALLOC_STATS_DUMP_H_
